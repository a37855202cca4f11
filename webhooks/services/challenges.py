"""A sender's question whether this is the right address: answered, and on the ledger."""

from webhooks.providers import Provider
from webhooks.rules.challenges import Answer, Refusal
from webhooks.rules.ledger import CHALLENGE
from webhooks.rules.signature import Secret, Verdict
from webhooks.rules.sources import read_payload
from webhooks.rules.verification import VerificationConfig
from webhooks.services.currency import hold_target
from webhooks.services.ledger import Entry, Knock, write_entry


def ask_unsigned(
    knock: Knock, provider: Provider, config: VerificationConfig
) -> Answer | Refusal | None:
    """What a challenge that nobody signs comes to; None for a delivery."""
    if provider.unsigned_challenge is None:
        return None
    return provider.unsigned_challenge(knock.request, config)


def ask_signed(
    knock: Knock, provider: Provider, secrets: list[Secret], verdict: Verdict
) -> Answer | None:
    """The answer to a challenge that was verified; None for a delivery."""
    if provider.signed_challenge is None or not verdict.valid:
        return None
    signer = next((secret for secret in secrets if secret.id == verdict.secret_id), None)
    payload = read_payload(knock.request.body, "json")
    return None if signer is None else provider.signed_challenge(payload, signer.value)


def record_challenge(knock: Knock, answer: Answer) -> Answer:
    """Write it down, and give it back.

    Raises:
        TargetChanged: the destination is not as it was read; nothing was written.
    """
    with hold_target(knock.target):
        write_entry(knock, Entry(status=CHALLENGE, http_status=answer.status))
    return answer
