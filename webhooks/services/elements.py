"""The elements of a batch: each a payload of its own, fired together or not at all."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from triggers.services import (
    ElementRefused,
    FireLimited,
    FireResult,
    WebhookElement,
    fire_batch_from_webhook,
)
from webhooks.rules.body_options import MAX_ELEMENTS
from webhooks.rules.ledger import DUPLICATE, FILTERED, IGNORED
from webhooks.rules.outcomes import FIRED, Outcome
from webhooks.services.arrivals import Arrival, describe_event
from webhooks.services.claims import Claim, claim_keys, release_keys
from webhooks.services.dedupe import FirstDelivery
from webhooks.services.delivery_keys import list_element_keys
from webhooks.services.ledger import Knock
from webhooks.services.understanding import Rejection, Unwanted, understand_payload
from workspaces.rules.problems import FieldError, ServiceError, Unprocessable
from workspaces.services import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element as it was understood; without an arrival the destination ignores it."""

    index: int
    arrival: Arrival | None = None
    event_type: str | None = None
    # Each of them alone makes it a duplicate.
    keys: tuple[str, ...] = ()
    # Minted once, before the first attempt.
    fire_id: UUID = field(default_factory=new_id)
    run_id: UUID = field(default_factory=new_id)
    fired_event_id: UUID = field(default_factory=new_id)


def is_batch(knock: Knock, payload: Any) -> bool:
    """Is each element of the payload an event of its own?"""
    return isinstance(payload, list) and knock.target.body_options.batch


def understand_elements(knock: Knock, payload: Sequence[Any]) -> tuple[Element, ...]:
    """All the elements, or the refusal of the first that the destination does not take.

    Raises:
        Rejection: there are too many of them; or one is not taken, and so none is.
    """
    refuse_too_many(payload)
    keys = list_keys(knock, payload)
    return tuple(
        understand_element(knock, index, element, keys[index])
        for index, element in enumerate(payload)
    )


def list_keys(knock: Knock, payload: Sequence[Any]) -> list[tuple[str, ...]]:
    """What makes each element a duplicate, in their order."""
    return list_element_keys(knock.target, knock.request, payload, delivery_keys=knock.dedupe_keys)


def understand_element(
    knock: Knock, index: int, payload: Any, keys: tuple[str, ...] = ()
) -> Element:
    """What one element comes to.

    Raises:
        Rejection: the destination does not take it.
    """
    try:
        arrival = understand_payload(knock, payload, is_element=True)
    except Unwanted as unwanted:
        return Element(index=index, event_type=unwanted.event_type)
    except Rejection as rejection:
        error = _place_error(index, rejection.error)
        raise Rejection(rejection.cause, error, event_type=rejection.event_type) from None
    return Element(index=index, arrival=arrival, event_type=arrival.event_type, keys=keys)


def refuse_too_many(payload: Sequence[Any]) -> None:
    """
    Raises:
        Rejection: the batch has more elements than a transaction should.
    """
    if len(payload) > MAX_ELEMENTS:
        detail = f"A batch has at most {MAX_ELEMENTS} elements; this one has {len(payload)}."
        error = Unprocessable(detail, errors=[FieldError("", "batch_too_large", detail)])
        raise Rejection("batch_too_large", error)


def fire_elements(
    knock: Knock,
    elements: Sequence[Element],
    *,
    now: dt.datetime,
    is_claiming: bool = True,
    replayed_by: str | None = None,
) -> list[Outcome]:
    """Claim and fire the elements in the caller's transaction, which holds all of them or none.

    Raises:
        Rejection: the action refuses one's input, or the trigger's limit is reached within them.
    """
    wanted = [element for element in elements if element.arrival is not None]
    taken = _claim(knock, wanted, now=now) if is_claiming else {}
    owners = _find_owners(wanted, taken)
    fresh = [element for element in wanted if owners[element.index] is element]
    results = _fire(knock, fresh, now=now, replayed_by=replayed_by)
    fired = {
        element.index: _describe(element, result)
        for element, result in zip(fresh, results, strict=True)
    }
    if is_claiming:
        kept = {key for one in fresh if fired[one.index].status == FIRED for key in one.keys}
        asked = {key for one in wanted for key in one.keys}
        release_keys(knock.target, asked - kept - set(taken), ids=knock.ids)
    return [_find_outcome(knock, element, owners, fired) for element in elements]


def _place_error(index: int, error: ServiceError) -> Unprocessable:
    """The refusal of one element, with pointers into the whole batch."""
    errors = [FieldError(f"/{index}{one.pointer}", one.code, one.detail) for one in error.errors]
    return Unprocessable(f"Element {index}: {error}", errors=errors)


def _claim(
    knock: Knock, wanted: Iterable[Element], *, now: dt.datetime
) -> dict[str, FirstDelivery]:
    claims = [
        Claim(
            key=key,
            fire_id=element.fire_id,
            run_id=element.run_id,
            fired_event_id=element.fired_event_id,
        )
        for element in wanted
        for key in element.keys
    ]
    return claim_keys(knock.target, claims, ids=knock.ids, now=now)


def _find_owners(
    wanted: Iterable[Element], taken: dict[str, FirstDelivery]
) -> dict[int, Element | FirstDelivery]:
    """Who has each element's key: an earlier delivery, an earlier element, or the element."""
    owners: dict[int, Element | FirstDelivery] = {}
    seen: dict[str, Element] = {}
    for element in wanted:
        earlier = [taken[key] for key in element.keys if key in taken]
        twins = [seen[key] for key in element.keys if key in seen]
        having: list[Element | FirstDelivery] = [*earlier, *twins, element]
        owners[element.index] = having[0]
        if not earlier and not twins:
            seen |= dict.fromkeys(element.keys, element)
    return owners


def _fire(
    knock: Knock, fresh: Sequence[Element], *, now: dt.datetime, replayed_by: str | None
) -> list[FireResult]:
    try:
        return fire_batch_from_webhook(
            knock.target.trigger,
            knock.target.action,
            [_build(element) for element in fresh],
            destination_id=knock.target.id,
            delivery_id=knock.ids.delivery_id,
            now=now,
            replayed_by=replayed_by,
        )
    except ElementRefused as refused:
        error = _place_error(refused.index, refused.error)
        raise Rejection("input_invalid", error) from None
    except FireLimited as limited:
        raise Rejection("fire_limited", limited) from None


def _build(element: Element) -> WebhookElement:
    arrival = element.arrival
    if arrival is None:
        raise ValueError("an ignored element fires nothing")
    return WebhookElement(
        index=element.index,
        payload=arrival.payload,
        event={**describe_event(arrival), "element": element.index},
        mapped=arrival.mapped.values,
        fire_id=element.fire_id,
        run_id=element.run_id,
        fired_event_id=element.fired_event_id,
    )


def _describe(element: Element, result: FireResult) -> Outcome:
    is_fired = result.outcome == FIRED
    return Outcome(
        index=element.index,
        status=FIRED if is_fired else FILTERED,
        cause=None if is_fired else result.outcome,
        event_type=element.event_type,
        key=next(iter(element.keys), None),
        fire_id=result.fire_id,
        run_id=result.run_id,
        fired_event_id=result.fired_event_id,
        input=result.input,
    )


def _find_outcome(
    knock: Knock,
    element: Element,
    owners: dict[int, Element | FirstDelivery],
    fired: dict[int, Outcome],
) -> Outcome:
    common: dict[str, Any] = {"index": element.index, "event_type": element.event_type}
    if element.arrival is None:
        return Outcome(**common, status=IGNORED, cause="event_type_not_accepted")
    common["key"] = next(iter(element.keys), None)
    owner = owners[element.index]
    if isinstance(owner, FirstDelivery):
        return Outcome(
            **common,
            status=DUPLICATE,
            fire_id=owner.fire_id,
            run_id=owner.run_id,
            fired_event_id=owner.fired_event_id,
            duplicate_of=owner.delivery_id,
            first_event_id=owner.event_id,
        )
    own = fired[owner.index]
    if owner is element:
        return own
    # The second of two equal elements comes to what the first one came to.
    is_duplicate = own.status == FIRED
    return Outcome(
        **common,
        status=DUPLICATE if is_duplicate else own.status,
        cause=own.cause,
        fire_id=own.fire_id,
        run_id=own.run_id,
        fired_event_id=own.fired_event_id,
        duplicate_of=knock.ids.delivery_id if is_duplicate else None,
        first_event_id=knock.ids.event_id if is_duplicate else None,
    )
