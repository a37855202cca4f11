"""What happens to a request at a destination. The order of the steps is the security."""

import datetime as dt
from collections.abc import Callable
from functools import partial

import structlog
from django.conf import settings
from django.db import DatabaseError

from actions.services import InputRefused
from triggers.services import FireLimited
from webhooks.providers import Provider
from webhooks.rules.challenges import Answer, Refusal
from webhooks.rules.ledger import REJECTED
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import Verdict
from webhooks.services.acceptance import (
    Receipt,
    UnknownDestination,
    accept_delivery,
    ignore_delivery,
)
from webhooks.services.arrivals import Arrival
from webhooks.services.batches import accept_batch, find_earlier
from webhooks.services.challenges import ask_unsigned, record_challenge
from webhooks.services.currency import (
    TargetChanged,
    check_target,
    find_target,
    forget_target,
    hold_target,
    recall_target,
)
from webhooks.services.elements import is_batch
from webhooks.services.ledger import DeliveryIds, Entry, Knock, write_entry
from webhooks.services.proving import SignatureRefused, name_knock, prove_request, spend_effort
from webhooks.services.retries import (
    CONNECTION_ERRORS,
    DatabaseAway,
    drop_connection,
    is_pool_exhausted,
)
from webhooks.services.secrets import USE_IS_NOTED_EVERY, note_use
from webhooks.services.targets import Target
from webhooks.services.understanding import (
    Rejection,
    Unwanted,
    parse_payload,
    understand_payload,
)
from workspaces.rules.problems import (
    InternalError,
    MethodNotAllowed,
    PayloadTooLarge,
    ServiceError,
)
from workspaces.services import Bucket, RateLimited, take_tokens

log = structlog.get_logger(__name__)

# Who edits a destination faster than it can be read is answered 503.
MAX_LOOKS = 3


class PostOnly(MethodNotAllowed):
    """Deliveries come by POST."""

    def __init__(self) -> None:
        super().__init__("Deliveries are sent by POST.")

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": "POST"}


def receive_delivery(
    request: ReceivedRequest,
    *,
    workspace_id: str | None,
    destination_id: str,
    now: dt.datetime,
    started: float,
) -> Receipt | Answer:
    """Verify, understand and fire one request; whatever comes of it is on the ledger.

    The ids are as the path has them. ``started`` is the monotonic clock when the request came in.

    Raises:
        ServiceError: the answer to a request that fires nothing, 400 to 503.
        DatabaseError: the refusal itself could not be written; nothing was accepted.
    """
    recall = partial(recall_target, destination_id, workspace_id=workspace_id)
    target, ids = _find(recall), DeliveryIds()
    for look in range(MAX_LOOKS):
        if target is None:
            spend_effort(request, now)
            raise _refuse_unknown(request)
        knock = Knock(request=request, target=target, now=now, started=started, ids=ids)
        try:
            return _answer(knock, is_first_look=look == 0)
        except TargetChanged:
            # An attempt whose commit only seemed to fail stands, whatever was changed after it.
            earlier = find_earlier(knock)
            if earlier is not None:
                return earlier
            target = _find(partial(find_target, destination_id, workspace_id=workspace_id))
    raise DatabaseAway


def _answer(knock: Knock, *, is_first_look: bool) -> Receipt | Answer:
    try:
        return _receive(knock, is_first_look=is_first_look)
    except Rejection as rejection:
        _record(knock, rejection)
        raise rejection.error from None
    except (ServiceError, TargetChanged, *CONNECTION_ERRORS):
        raise
    except Exception as error:
        log.exception("delivery_failed", **name_knock(knock))
        failure = InternalError("Something went wrong on our side.")
        _record(knock, Rejection("internal", failure))
        raise failure from error


def _find(find: Callable[[], Target | None]) -> Target | None:
    """The second attempt takes a fresh connection: the pool's may have died while it lay there."""
    try:
        return find()
    except CONNECTION_ERRORS as error:
        drop_connection()
        if is_pool_exhausted(error):
            raise DatabaseAway from error
        return find()


def _receive(knock: Knock, *, is_first_look: bool) -> Receipt | Answer:
    provider = _refuse_at_the_door(knock)
    if is_first_look:
        _take_tokens(knock)
    asked = _ask_unsigned(knock, provider)
    if asked is not None:
        return record_challenge(knock, asked)
    verdict, answer = prove_request(knock)
    if not verdict.valid:
        raise Rejection(verdict.cause or "internal", SignatureRefused())
    if answer is not None:
        return record_challenge(knock, answer)
    try:
        receipt = _take(knock)
    except Unwanted as unwanted:
        receipt = ignore_delivery(knock, event_type=unwanted.event_type)
    _note_use(knock, verdict)
    return receipt


def _refuse_at_the_door(knock: Knock) -> Provider:
    """Size, destination and method; whoever gets past is the preset's to judge."""
    request, target = knock.request, knock.target
    if request.is_oversized:
        raise Rejection("payload_too_large", _refuse_size())
    if not target.is_active:
        spend_effort(request, knock.now)
        if request.method == "POST":
            raise Rejection("destination_inactive", UnknownDestination())
        check_target(target)
        raise UnknownDestination
    provider = target.provider
    if request.method not in provider.methods:
        check_target(target)
        raise PostOnly
    return provider


def _ask_unsigned(knock: Knock, provider: Provider) -> Answer | None:
    config = knock.target.config
    asked = None if config is None else ask_unsigned(knock, provider, config)
    if isinstance(asked, Refusal):
        raise Rejection(asked.cause, SignatureRefused())
    return asked


def _take_tokens(knock: Knock) -> None:
    """One of the destination's, and one of the sender's address; nobody is turned away while Redis
    is away.
    """
    target, options = knock.target, knock.target.options
    try:
        take_tokens(
            [
                Bucket("destination", str(target.id), options.rate_limit_per_minute),
                Bucket(
                    "address",
                    knock.request.address,
                    settings.CLOCKHOOK_ADDRESS_RATE_LIMIT_PER_MINUTE,
                ),
            ]
        )
    except RateLimited as error:
        raise Rejection("rate_limited", error) from None


def _take(knock: Knock) -> Receipt:
    payload = parse_payload(knock)
    if is_batch(knock, payload):
        return accept_batch(knock, payload)
    return _accept(understand_payload(knock, payload))


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
    with hold_target(knock.target):
        write_entry(knock, entry)
    log.info("delivery_rejected", cause=rejection.cause, **name_knock(knock))


def _note_use(knock: Knock, verdict: Verdict) -> None:
    signer = next((s for s in knock.target.secrets if s.id == verdict.secret_id), None)
    if signer is None or (
        signer.last_used_at is not None and knock.now - signer.last_used_at < USE_IS_NOTED_EVERY
    ):
        return
    try:
        note_use(signer.id, now=knock.now)
        forget_target(knock.target)
    except DatabaseError:
        # What was accepted stays accepted; the next delivery notes it.
        log.warning("secret_use_not_noted", exc_info=True, **name_knock(knock))


def _refuse_unknown(request: ReceivedRequest) -> ServiceError:
    return _refuse_size() if request.is_oversized else UnknownDestination()


def _refuse_size() -> PayloadTooLarge:
    return PayloadTooLarge("The body is larger than 1 MiB.")
