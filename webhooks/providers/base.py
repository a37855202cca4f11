"""What a provider is: one sender's way to sign and to deliver, as data."""

from dataclasses import dataclass

from webhooks.rules.body_options import NAMES, BodyOptions
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
    # Of an element of a batch: the paths that name it together, else its index does.
    element_id: tuple[str, ...] = ()
    is_digest_deduped: bool = False
    on_unaccepted_event: str = REJECT
    methods: tuple[str, ...] = ("POST",)
    signed_challenge: SignedChallenge | None = None
    unsigned_challenge: UnsignedChallenge | None = None
    is_secret_chosen_elsewhere: bool = False

    @property
    def body_options(self) -> BodyOptions:
        """What a destination has that says nothing else of them."""
        return BodyOptions(**{name: getattr(self, name) for name in NAMES})
