"""What a provider is: one sender's way to sign and to deliver, as data."""

from dataclasses import dataclass, field

from webhooks.rules.challenges import SignedChallenge, UnsignedChallenge
from webhooks.rules.event_types import DEFAULT_PATHS
from webhooks.rules.verification import VerificationConfig

REJECT, IGNORE = "reject", "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One preset, as a table row.

    ``is_digest_deduped``: deliveries are also told apart by their bodies, since nothing signed
    names them. ``is_secret_chosen_elsewhere``: the vendor makes the secret, or its user chose it
    long ago, so that a short one is not refused.
    """

    name: str
    description: str
    verification: VerificationConfig
    # In docs/senders: how to set it up, in plain words.
    guide: str
    event_type_paths: tuple[str, ...] = DEFAULT_PATHS
    allow_unsigned_event_header: bool = False
    body_format: str = "json"
    batch: bool = False
    # Of an element of a batch: what names it, else its index does.
    element_id: str | None = None
    is_digest_deduped: bool = False
    on_unaccepted_event: str = REJECT
    methods: tuple[str, ...] = ("POST",)
    signed_challenge: SignedChallenge | None = None
    unsigned_challenge: UnsignedChallenge | None = None
    is_secret_chosen_elsewhere: bool = False
    redacted_paths: tuple[str, ...] = field(default=())
