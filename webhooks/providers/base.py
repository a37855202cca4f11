"""What a provider is: one sender's way to sign, as data."""

from dataclasses import dataclass

from webhooks.rules.verification import VerificationConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One preset, as a table row."""

    name: str
    description: str
    verification: VerificationConfig
