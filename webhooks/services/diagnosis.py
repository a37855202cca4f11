"""The signature doctor at a destination: for a delivery of the ledger, or for a pasted request.

It works with the destination's settings and secrets as they are now, and at the time when the
request came: what it says is what a replay would do.
"""

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from webhooks.models import Delivery
from webhooks.rules.cases import Case
from webhooks.rules.ledger import UNVERIFIED_CAUSES
from webhooks.rules.received import ReceivedRequest
from webhooks.services.certificates import fetch_certificate
from webhooks.services.currency import find_target
from webhooks.services.examination import Examination, examine_request
from webhooks.services.ledger import find_delivery, read_request
from webhooks.services.targets import Target
from workspaces.services import SecretUnreadable

_NOT_KEPT = "Nothing can be said: of this request no body was kept."
_UNREADABLE = "Nothing can be said: no configured encryption key opens what was stored."
_DELETED = "Nothing can be said: the destination was deleted with its secrets."
_NOT_UNDERSTOOD = "The destination's verification cannot be used: save it again."
_GOOD = "The signature is good."


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the doctor says of a delivery. Without an examination there was nothing to examine, for
    ``cause``.
    """

    delivery: Delivery
    examination: Examination | None = None
    cause: str | None = None
    detail: str

    def as_json(self) -> dict[str, Any]:
        """The members that the command line prints, and what the ledger says."""
        said: dict[str, Any] = (
            {**dict.fromkeys(Examination(valid=False).as_json()), "cause": self.cause}
            if self.examination is None
            else self.examination.as_json()
        )
        return {
            **said,
            "detail": self.detail,
            "recorded_status": self.delivery.status,
            "recorded_cause": self.delivery.cause,
        }


def diagnose_delivery(*, workspace_id: UUID, delivery_id: UUID) -> Diagnosis:
    """Examine a delivery of the ledger; nothing is written and nothing fires.

    Raises:
        NotFound: no such delivery in this workspace.
    """
    delivery = find_delivery(workspace_id=workspace_id, delivery_id=delivery_id)
    return diagnose(delivery)


def diagnose(delivery: Delivery) -> Diagnosis:
    """Examine a delivery that was read with its body."""
    try:
        request = read_request(delivery)
    except SecretUnreadable:
        return Diagnosis(delivery=delivery, cause="unreadable", detail=_UNREADABLE)
    if request is None:
        return Diagnosis(delivery=delivery, cause="not_kept", detail=_NOT_KEPT)
    target = find_target(str(delivery.destination_id), workspace_id=None)
    if target is None:
        return Diagnosis(delivery=delivery, cause="destination_deleted", detail=_DELETED)
    examination = examine_knock(request, target=target, now=delivery.created_at)
    return Diagnosis(
        delivery=delivery, examination=examination, detail=_tell(delivery, examination)
    )


def examine_knock(request: ReceivedRequest, *, target: Target, now: dt.datetime) -> Examination:
    """What a request comes to at a destination, as of ``now``."""
    config = target.config
    if config is None:
        return Examination(valid=False, cause="config_invalid", detail=_NOT_UNDERSTOOD)
    try:
        secrets = target.read_secrets()
    except SecretUnreadable as error:
        return Examination(valid=False, cause="config_invalid", detail=str(error))
    case = Case(
        document=json.loads(target.verification),
        secrets=secrets,
        request=request,
        now=now,
        fetch=fetch_certificate,
    )
    examination = examine_request(
        case,
        target.provider,
        config,
        event_type_paths=target.event_type_paths,
    )
    return replace(examination, detail=_GOOD) if examination.valid else examination


def _tell(delivery: Delivery, examination: Examination) -> str:
    """The examination's sentence, beside what became of the request then."""
    said = examination.detail or ""
    was_refused = delivery.cause in UNVERIFIED_CAUSES
    if not examination.valid:
        return said if was_refused else f"It was genuine when it came; by now: {said}"
    if was_refused:
        return f"The signature is good by now; it was refused with {delivery.cause}: replay it."
    if delivery.cause is not None:
        return f"The signature is good; it was {delivery.status} after that: {delivery.cause}."
    return said
