"""The words of the ledger of deliveries."""

ACCEPTED, DUPLICATE, FILTERED, REJECTED = "accepted", "duplicate", "filtered", "rejected"
IGNORED, CHALLENGE = "ignored", "challenge"
STATUSES = (ACCEPTED, DUPLICATE, FILTERED, IGNORED, REJECTED, CHALLENGE)
# Nobody has verified what was refused for these. Everything else was genuine when it came, also if
# its secret has been rotated away since.
UNVERIFIED_CAUSES = frozenset(
    {
        "config_invalid",
        "destination_inactive",
        "internal",
        "payload_too_large",
        "rate_limited",
        "secret_expired",
        "signature_mismatch",
        "signature_missing",
        "timestamp_malformed",
        "timestamp_stale",
        "token_mismatch",
    }
)
