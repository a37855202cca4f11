"""The signature doctor: what would become of a request, and why; nothing is stored or fired."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webhooks.providers import CONFIGS, Provider, build_config, find_provider
from webhooks.rules.cases import Case, InvalidCase, read_case
from webhooks.rules.challenges import Answer, Refusal, answer_signed
from webhooks.rules.doctor import find_hint
from webhooks.rules.event_types import read_event_type
from webhooks.rules.signature import verify
from webhooks.rules.signed import read_delivery_id
from webhooks.rules.sources import Parts
from webhooks.rules.verdicts import Fetch, Verdict
from webhooks.rules.verification import VerificationConfig
from webhooks.rules.verification_checks import check_verification

_STEPS = {
    "config_invalid": "config",
    "signature_missing": "signature",
    "signature_mismatch": "signature",
    "token_mismatch": "token",
    "timestamp_malformed": "timestamp",
    "timestamp_stale": "freshness",
    "secret_expired": "secret",
    "internal": "internal",
}
# A pasted request may be examined without what a destination must have.
_OPTIONAL_HERE = ("/verification/topic_arns", "/verification/service_account_email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The first step that failed, in a word and in a sentence; or what the delivery is."""

    valid: bool
    cause: str | None = None
    detail: str | None = None
    challenge: Answer | None = None
    event_type: str | None = None
    delivery_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The members that the command line prints."""
        return {
            "valid": self.valid,
            "cause": self.cause,
            "step": None if self.cause is None else _STEPS.get(self.cause, self.cause),
            "detail": self.detail,
            "challenge_response": None if self.challenge is None else self.challenge.body,
            "event_type": self.event_type,
            "delivery_id": self.delivery_id,
        }


def examine_case(stated: Any, *, now: dt.datetime, fetch: Fetch) -> Examination:
    """What a case comes to; never raises for what is in it."""
    try:
        case = read_case(stated, now=now, fetch=fetch)
    except InvalidCase as error:
        return Examination(valid=False, cause="config_invalid", detail=str(error))
    errors = [
        error
        for error in check_verification(case.document, presets=CONFIGS)
        if error.pointer not in _OPTIONAL_HERE or error.code != "required"
    ]
    if errors:
        detail = " ".join(f"{error.pointer}: {error.detail}" for error in errors[:3])
        return Examination(valid=False, cause="config_invalid", detail=detail)
    provider, config = find_provider(case.document), build_config(case.document)
    return examine_request(case, provider, config)


def examine_request(
    case: Case,
    provider: Provider,
    config: VerificationConfig,
    *,
    event_type_paths: Sequence[str] | None = None,
) -> Examination:
    """What a request comes to under a configuration, and what would have matched. The paths are the
    preset's where none are given.
    """
    asked = provider.unsigned_challenge and provider.unsigned_challenge(case.request, config)
    if isinstance(asked, Refusal):
        detail = "The challenge does not bring this destination's verify_token."
        return Examination(valid=False, cause=asked.cause, detail=detail)
    if isinstance(asked, Answer):
        return Examination(valid=True, challenge=asked)
    verdict = verify(case.request, config, case.secrets, case.now, fetch=case.fetch)
    parts = Parts(case.request, body_format=config.body_format)
    payload = parts.payload
    return Examination(
        valid=verdict.valid,
        cause=verdict.cause,
        detail=None if verdict.valid else _explain(case, config, verdict),
        challenge=answer_signed(
            provider.signed_challenge,
            payload,
            verdict=verdict,
            secrets=case.secrets,
            scheme=provider.verification.scheme,
        ),
        event_type=read_event_type(
            payload, event_type_paths or provider.event_type_paths, headers=case.request.headers
        ),
        delivery_id=read_delivery_id(parts, config),
    )


def _explain(case: Case, config: VerificationConfig, verdict: Verdict) -> str:
    return find_hint(case.request, config, case.secrets, case.now, verdict=verdict, presets=CONFIGS)
