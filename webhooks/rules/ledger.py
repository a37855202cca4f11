"""The words of the ledger of deliveries."""

ACCEPTED, DUPLICATE, FILTERED, REJECTED = "accepted", "duplicate", "filtered", "rejected"
IGNORED, CHALLENGE = "ignored", "challenge"
STATUSES = (ACCEPTED, DUPLICATE, FILTERED, IGNORED, REJECTED, CHALLENGE)
