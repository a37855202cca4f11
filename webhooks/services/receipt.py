"""What happens to a request at a destination. The order of the steps is the security."""

import datetime as dt
from functools import partial
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from psycopg_pool import PoolTimeout, TooManyRequests

from actions.services import InputRefused
from events.rules.globs import is_event_type
from triggers.services import FireLimited
from webhooks.providers import PROVIDERS
from webhooks.rules.payload import is_accepted, map_fields, read_event_type
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import Verdict, verify
from webhooks.rules.verification import DEFAULT_PRESET
from webhooks.services.acceptance import Arrival, Receipt, UnknownDestination, accept_delivery
from webhooks.services.ledger import REJECTED, Entry, Knock, write_entry
from webhooks.services.retries import CONNECTION_ERRORS, DatabaseAway, drop_connection
from webhooks.services.secrets import note_use
from webhooks.services.targets import Target, find_target
from workspaces.rules.json_text import MalformedJson, parse_json
from workspaces.rules.problems import (
    BadRequest,
    FieldError,
    InternalError,
    MethodNotAllowed,
    PayloadTooLarge,
    ServiceError,
    Unauthorized,
    Unprocessable,
)
from workspaces.services import SecretUnreadable

log = structlog.get_logger(__name__)

USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)


class SignatureRefused(Unauthorized):
    """Whatever was wrong with the signature: the answer is always the same."""

    def __init__(self) -> None:
        super().__init__("The request is not signed as this destination requires.")

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Signature"}


class PostOnly(MethodNotAllowed):
    """Deliveries come by POST."""

    def __init__(self) -> None:
        super().__init__("Deliveries are sent by POST.")

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": "POST"}


class Rejection(Exception):
    """A step refuses: ``cause`` is for the owner, ``error`` for the caller."""

    def __init__(self, cause: str, error: ServiceError, *, event_type: str | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.error = error
        self.event_type = event_type


def receive_delivery(
    request: ReceivedRequest,
    *,
    workspace_id: str | None,
    destination_id: str,
    now: dt.datetime,
    started: float,
) -> Receipt:
    """Verify, understand and fire one request; whatever comes of it is on the ledger.

    The ids are as the path has them. ``started`` is the monotonic clock when the request came in.

    Raises:
        ServiceError: the answer to a request that fires nothing, 400 to 503.
        DatabaseError: the refusal itself could not be written; nothing was accepted.
    """
    target = _find_target(destination_id, workspace_id)
    if target is None:
        _spend_effort(request, now)
        raise _refuse_unknown(request)
    knock = Knock(request=request, target=target, now=now, started=started)
    try:
        return _receive(knock)
    except Rejection as rejection:
        _record(knock, rejection)
        raise rejection.error from None
    except (ServiceError, *CONNECTION_ERRORS):
        raise
    except Exception as error:
        log.exception("delivery_failed", **_name(knock))
        failure = InternalError("Something went wrong on our side.")
        _record(knock, Rejection("internal", failure))
        raise failure from error


def _find_target(destination_id: str, workspace_id: str | None) -> Target | None:
    """The second attempt takes a fresh connection: the pool's may have died while it lay there."""
    find = partial(find_target, destination_id, workspace_id=workspace_id)
    try:
        return find()
    except CONNECTION_ERRORS as error:
        drop_connection()
        if _is_pool_exhausted(error):
            raise DatabaseAway from error
        return find()


def _is_pool_exhausted(error: Exception) -> bool:
    # A second wait for a connection would only double the time to a 503.
    return isinstance(error.__cause__, PoolTimeout | TooManyRequests)


def _receive(knock: Knock) -> Receipt:
    request, target = knock.request, knock.target
    if request.is_oversized:
        raise Rejection("payload_too_large", _refuse_size())
    if not target.is_active:
        _spend_effort(request, knock.now)
        if request.method == "POST":
            raise Rejection("destination_inactive", UnknownDestination())
        raise UnknownDestination
    if request.method != "POST":
        raise PostOnly
    verdict = _verify(knock)
    if not verdict.valid:
        raise Rejection(verdict.cause or "internal", SignatureRefused())
    receipt = _accept(_understand(knock))
    _note_use(knock, verdict)
    return receipt


def _verify(knock: Knock) -> Verdict:
    try:
        config = knock.target.read_config()
        if config is None:
            return Verdict(valid=False, cause="config_invalid")
        return verify(knock.request, config, knock.target.read_secrets(), knock.now)
    except SecretUnreadable:
        log.exception("secret_unreadable", **_name(knock))
        return Verdict(valid=False, cause="config_invalid")
    except Exception:
        # Fails closed: whatever goes wrong here, nobody gets in.
        log.exception("verification_failed", **_name(knock))
        return Verdict(valid=False, cause="internal")


def _spend_effort(request: ReceivedRequest, now: dt.datetime) -> None:
    """As much as verifying would take, so that time does not tell which destinations exist."""
    verify(request, PROVIDERS[DEFAULT_PRESET].verification, (), now)


def _understand(knock: Knock) -> Arrival:
    """Parse the body, read its type and take from it what the input needs."""
    payload = _parse(knock.request.body)
    event_type = read_event_type(payload)
    has_good_type = event_type is not None and is_event_type(event_type)
    if not is_accepted(event_type, knock.target.accepted_event_types):
        detail = "The destination does not accept this event type."
        error = Unprocessable(detail, errors=[FieldError("", "event_type_not_accepted", detail)])
        raise Rejection(
            "event_type_not_accepted", error, event_type=event_type if has_good_type else None
        )
    mapped = map_fields(payload, knock.target.field_mapping)
    if event_type is not None and not has_good_type:
        mapped.notes.append("The payload's event type is no event type.")
        event_type = None
    return Arrival(knock=knock, payload=payload, event_type=event_type, mapped=mapped)


def _parse(body: bytes) -> Any:
    try:
        return parse_json(body)
    except MalformedJson as error:
        problem = BadRequest(str(error), errors=[FieldError("", error.code, str(error))])
        raise Rejection("unparsable", problem) from None


def _accept(arrival: Arrival) -> Receipt:
    try:
        return accept_delivery(arrival)
    except InputRefused as error:
        raise Rejection("input_invalid", error, event_type=arrival.event_type) from error
    except FireLimited as error:
        raise Rejection("fire_limited", error, event_type=arrival.event_type) from error


def _record(knock: Knock, rejection: Rejection) -> None:
    entry = Entry(
        status=REJECTED,
        http_status=rejection.error.status,
        cause=rejection.cause,
        payload_event_type=rejection.event_type,
    )
    log.info("delivery_rejected", cause=rejection.cause, **_name(knock))
    with transaction.atomic():
        write_entry(knock, entry)


def _note_use(knock: Knock, verdict: Verdict) -> None:
    signer = next((s for s in knock.target.secrets if s.id == verdict.secret_id), None)
    if signer is None or (
        signer.last_used_at is not None and knock.now - signer.last_used_at < USE_IS_NOTED_EVERY
    ):
        return
    try:
        note_use(signer.id, now=knock.now)
    except DatabaseError:
        # What was accepted stays accepted; the next delivery notes it.
        log.warning("secret_use_not_noted", exc_info=True, **_name(knock))


def _refuse_unknown(request: ReceivedRequest) -> ServiceError:
    return _refuse_size() if request.is_oversized else UnknownDestination()


def _refuse_size() -> PayloadTooLarge:
    return PayloadTooLarge("The body is larger than 1 MiB.")


def _name(knock: Knock) -> dict[str, str]:
    return {
        "destination_id": str(knock.target.id),
        "delivery_id": str(knock.ids.delivery_id),
        "workspace_id": str(knock.target.workspace_id),
    }
