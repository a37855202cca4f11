"""Verification fails closed: a verdict for every request, whatever is in it, never an exception.

The work is the same for each outcome: as many digests and comparisons for a good signature as for
a bad one, a missing one, or no secret at all.
"""

import datetime as dt
from collections.abc import Callable, Sequence

from webhooks.rules.certificates import verify_google_token, verify_sns
from webhooks.rules.components import check_authentication
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signed import verify_signed
from webhooks.rules.sources import Parts
from webhooks.rules.tokens import verify_basic, verify_token
from webhooks.rules.verdicts import MAX_SECRETS, Fetch, Secret, Unfetched, Verdict, choose_secrets
from webhooks.rules.verification import HEADERS_SCHEME, SECRETLESS_SCHEMES, VerificationConfig

__all__ = ["MAX_SECRETS", "Secret", "Verdict", "verify"]

_Scheme = Callable[[Parts, VerificationConfig, list[Secret], dt.datetime], Verdict]


def refuse_fetching(url: str) -> bytes:
    """The ``fetch`` of who has none.

    Raises:
        Unfetched: always.
    """
    raise Unfetched(url)


def verify(
    request: ReceivedRequest,
    config: VerificationConfig,
    secrets: Sequence[Secret],
    now: dt.datetime,
    *,
    fetch: Fetch = refuse_fetching,
) -> Verdict:
    """Was this request signed with one of the secrets, and recently?

    ``fetch`` is asked for a vendor's certificate, by a URL of that vendor's alone.
    """
    try:
        return _verify(request, config, choose_secrets(secrets, now), now, fetch)
    except Unfetched:
        return Verdict(valid=False, cause="internal", detail="The certificate could not be had.")
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, nobody gets in
        return Verdict(valid=False, cause="internal", detail=type(error).__name__)


def _verify(
    request: ReceivedRequest,
    config: VerificationConfig,
    tried: list[Secret],
    now: dt.datetime,
    fetch: Fetch,
) -> Verdict:
    parts = Parts(request, body_format=config.body_format)
    if config.scheme == "aws_sns":
        verdict = verify_sns(parts, config, fetch)
    elif config.scheme == "google_oidc":
        verdict = verify_google_token(parts, config, now, fetch)
    elif config.scheme == HEADERS_SCHEME:
        verdict = Verdict(valid=bool(config.authentication), cause="config_invalid")
    else:
        verdict = _SCHEMES[config.scheme](parts, config, tried, now)
    if not config.authentication:
        return verdict
    cause = check_authentication(config.authentication, parts)
    if verdict.valid and cause is not None:
        return Verdict(valid=False, cause=cause, detail="A header of `authentication` differs.")
    return Verdict(valid=True) if verdict.valid and config.scheme == HEADERS_SCHEME else verdict


def needs_secret(config: VerificationConfig) -> bool:
    """Does the scheme compare with a secret of ours?"""
    return config.scheme not in SECRETLESS_SCHEMES


_SCHEMES: dict[str, _Scheme] = {
    "hmac": verify_signed,
    "ed25519": verify_signed,
    "ecdsa_p256": verify_signed,
    "token": verify_token,
    "basic": verify_basic,
}
