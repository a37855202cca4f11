"""The claim on a delivery's key: whoever commits first has fired, everybody else is a duplicate."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from webhooks.rules.dedupe_keys import DEFAULT_WINDOW_HOURS
from webhooks.services.ledger import DeliveryIds
from webhooks.services.retries import DatabaseAway
from webhooks.services.targets import Target
from workspaces.rules.joined import RowInsert
from workspaces.services import Claim, Statement, open_prepared_cursor

PRUNE_BATCH = 5000

# A rival's uncommitted claim makes this wait: for its commit (then no row comes back) or its
# rollback (then the claim is ours). An expired claim is taken over.
TAKE_OVER = """
ON CONFLICT (destination_id, key_hash) DO UPDATE SET
    delivery_id = EXCLUDED.delivery_id, event_id = EXCLUDED.event_id,
    fired_event_id = EXCLUDED.fired_event_id, run_id = EXCLUDED.run_id,
    fire_id = EXCLUDED.fire_id, trigger_id = EXCLUDED.trigger_id, expires_at = EXCLUDED.expires_at
WHERE held.expires_at <= """
_CLAIM = RowInsert(
    head="""
INSERT INTO webhooks_dedupekey AS held
    (destination_id, key_hash, delivery_id, event_id, fired_event_id, run_id, fire_id, trigger_id,
     expires_at)
""",
    row="""
%s::uuid, %s::bytea, %s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::timestamptz
""",
    tail=f"{TAKE_OVER} %s::timestamptz RETURNING held.delivery_id",
)
_CLAIM_SQL = _CLAIM.sql
_READ = """
SELECT delivery_id, event_id, fired_event_id, run_id, fire_id, trigger_id
FROM webhooks_dedupekey WHERE destination_id = %s AND key_hash = %s
"""
_PRUNE = """
DELETE FROM webhooks_dedupekey WHERE id IN (
    SELECT id FROM webhooks_dedupekey WHERE expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class FirstDelivery:
    """The delivery that took the key, and what it fired."""

    delivery_id: UUID
    event_id: UUID
    fired_event_id: UUID
    run_id: UUID
    fire_id: UUID
    trigger_id: UUID


def build_claim(target: Target, key: str, *, ids: DeliveryIds, now: dt.datetime) -> Claim:
    """The claim on the key, for what is written together; who holds it is a `FirstDelivery`'s."""
    key_hash = hash_key(key)
    given = [
        target.id,
        key_hash,
        ids.delivery_id,
        ids.event_id,
        ids.fired_event_id,
        ids.run_id,
        ids.fire_id,
        target.trigger_id,
        now + find_window(target),
        now,
    ]
    return Claim(
        take=Statement(_CLAIM_SQL, given, _CLAIM),
        held=Statement(_READ, [target.id, key_hash]),
        taken=ids.delivery_id,
    )


def claim_key(
    target: Target, key: str, *, ids: DeliveryIds, now: dt.datetime
) -> FirstDelivery | None:
    """Take the key in the caller's transaction; the first delivery if somebody has it, else None.

    Raises:
        DatabaseAway: rivals took it and let it go faster than one could look. Nobody does.
    """
    claim = build_claim(target, key, ids=ids, now=now)
    take, held = claim.take, claim.held
    with open_prepared_cursor() as cursor:
        for _ in range(3):
            cursor.execute(take.sql, take.values)
            if cursor.fetchone() is not None:
                return None
            # The statement that met the rival cannot see its row; this one can.
            cursor.execute(held.sql, held.values)
            row = cursor.fetchone()
            if row is not None:
                return FirstDelivery(*row)
    raise DatabaseAway


def prune_dedupe_keys(*, now: dt.datetime) -> int:
    """Delete expired claims, at most 5,000 per statement; returns how many went."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PRUNE, {"now": now, "limit": PRUNE_BATCH})
            count = int(cursor.rowcount)
        total += count
        if count < PRUNE_BATCH:
            return total


def find_window(target: Target) -> dt.timedelta:
    """How long a key of the destination is remembered."""
    # The default is longer than any sender retries (Meta: seven days).
    return dt.timedelta(
        hours=(target.options.dedupe or {}).get("window_hours", DEFAULT_WINDOW_HOURS)
    )


def hash_key(key: str) -> bytes:
    """A key as it is stored."""
    # Headers arrive as Latin-1 text; whatever else a caller of ours passes has a hash, too.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
