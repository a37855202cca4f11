"""Is a request genuine? Whatever goes wrong in here, nobody gets in."""

import datetime as dt

import structlog

from webhooks.providers import PROVIDERS
from webhooks.rules.challenges import Answer
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signature import Verdict, verify
from webhooks.rules.verification import DEFAULT_PRESET
from webhooks.services.certificates import fetch_certificate
from webhooks.services.challenges import ask_signed
from webhooks.services.ledger import Knock
from workspaces.rules.problems import Unauthorized
from workspaces.services import SecretUnreadable

log = structlog.get_logger(__name__)


class SignatureRefused(Unauthorized):
    """Whatever was wrong with the signature: the answer is always the same."""

    def __init__(self) -> None:
        super().__init__("The request is not signed as this destination requires.")

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Signature"}


def prove_request(knock: Knock) -> tuple[Verdict, Answer | None]:
    """Was it signed as the destination requires, at the time of the knock; and the answer, where it
    is a challenge. Never raises.
    """
    try:
        config = knock.target.config
        if config is None:
            return Verdict(valid=False, cause="config_invalid"), None
        secrets = knock.target.read_secrets()
        verdict = verify(knock.request, config, secrets, knock.now, fetch=fetch_certificate)
        return verdict, ask_signed(knock, knock.target.provider, secrets, verdict)
    except SecretUnreadable:
        log.exception("secret_unreadable", **name_knock(knock))
        return Verdict(valid=False, cause="config_invalid"), None
    except Exception:
        # Fails closed: whatever goes wrong here, nobody gets in.
        log.exception("verification_failed", **name_knock(knock))
        return Verdict(valid=False, cause="internal"), None


def spend_effort(request: ReceivedRequest, now: dt.datetime) -> None:
    """As much as verifying would take, so that time does not tell which destinations exist."""
    verify(request, PROVIDERS[DEFAULT_PRESET].verification, (), now)


def name_knock(knock: Knock) -> dict[str, str]:
    """The ids that a log line carries."""
    return {
        "destination_id": str(knock.target.id),
        "delivery_id": str(knock.ids.delivery_id),
        "workspace_id": str(knock.target.workspace_id),
    }
