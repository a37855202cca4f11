"""A sender's question whether this is the right address: answered, and on the ledger."""

from django.db import transaction

from webhooks.providers import Provider
from webhooks.rules.challenges import Answer, Refusal, answer_signed
from webhooks.rules.ledger import CHALLENGE
from webhooks.rules.signature import Secret, Verdict
from webhooks.rules.sources import read_payload
from webhooks.rules.verification import VerificationConfig
from webhooks.services.currency import check_target, hold_target
from webhooks.services.ledger import Entry, Knock, write_entry
from webhooks.services.subscriptions import ask_for_confirmation


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
    return answer_signed(
        provider.signed_challenge,
        read_payload(knock.request.body, "json"),
        verdict=verdict,
        secrets=secrets,
        scheme=provider.verification.scheme,
    )


def record_challenge(knock: Knock, answer: Answer) -> Answer:
    """Write it down with what is left to do for it, and give it back.

    Raises:
        TargetChanged: the destination is not as it was read; nothing was written.
    """
    if answer.subscription is None:
        with hold_target(knock.target):
            write_entry(knock, Entry(status=CHALLENGE, http_status=answer.status))
        return answer
    with transaction.atomic():
        write_entry(knock, Entry(status=CHALLENGE, http_status=answer.status))
        ask_for_confirmation(
            answer.subscription,
            destination_id=knock.target.id,
            delivery_id=knock.ids.delivery_id,
            now=knock.now,
        )
        check_target(knock.target)
    return answer
