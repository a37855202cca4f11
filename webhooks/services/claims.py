"""Claims on several keys at once: of a delivery that has more than one, and of a batch."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from webhooks.services.dedupe import (
    TAKE_OVER,
    FirstDelivery,
    claim_key,
    find_window,
    hash_key,
)
from webhooks.services.ledger import DeliveryIds
from webhooks.services.retries import DatabaseAway
from webhooks.services.targets import Target

# In the order of the hashes, so that two batches that share elements wait for each other one way.
_CLAIM = f"""
INSERT INTO webhooks_dedupekey AS held
    (destination_id, key_hash, delivery_id, event_id, fired_event_id, run_id, fire_id, trigger_id,
     expires_at)
SELECT %(destination_id)s, asked.key_hash, %(delivery_id)s, %(event_id)s, asked.fired_event_id,
       asked.run_id, asked.fire_id, %(trigger_id)s, %(expires_at)s
FROM unnest(%(hashes)s::bytea[], %(fired_event_ids)s::uuid[], %(run_ids)s::uuid[],
            %(fire_ids)s::uuid[]) AS asked (key_hash, fired_event_id, run_id, fire_id)
ORDER BY asked.key_hash
{TAKE_OVER} %(now)s
RETURNING held.key_hash
"""  # noqa: S608 - constants only
_READ = """
SELECT key_hash, delivery_id, event_id, fired_event_id, run_id, fire_id, trigger_id
FROM webhooks_dedupekey WHERE destination_id = %(destination_id)s AND key_hash = ANY(%(hashes)s)
"""
_RELEASE = """
DELETE FROM webhooks_dedupekey
WHERE destination_id = %(destination_id)s AND key_hash = ANY(%(hashes)s)
  AND delivery_id = %(delivery_id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A key, and what would be fired under it."""

    key: str
    fire_id: UUID
    run_id: UUID
    fired_event_id: UUID


def claim_any(
    target: Target, keys: Sequence[str], *, ids: DeliveryIds, now: dt.datetime
) -> FirstDelivery | None:
    """Take all the keys of one delivery, or none: then the first delivery that has one of them.

    Raises:
        DatabaseAway: as `claim_keys`.
    """
    if len(keys) < 2:
        return claim_key(target, keys[0], ids=ids, now=now) if keys else None
    claims = [
        Claim(key=key, fire_id=ids.fire_id, run_id=ids.run_id, fired_event_id=ids.fired_event_id)
        for key in keys
    ]
    taken = claim_keys(target, claims, ids=ids, now=now)
    firsts = [taken[key] for key in keys if key in taken]
    if not firsts:
        return None
    if firsts[0].delivery_id != ids.delivery_id:
        release_keys(target, keys, ids=ids)
    return firsts[0]


def claim_keys(
    target: Target, claims: Sequence[Claim], *, ids: DeliveryIds, now: dt.datetime
) -> dict[str, FirstDelivery]:
    """Take each key that is free, in the caller's transaction; who holds the others, by key. A key
    that is asked for twice is the first one's.

    Raises:
        DatabaseAway: rivals took keys and let them go faster than one could look. Nobody does.
    """
    left = {hash_key(claim.key): claim for claim in reversed(claims)}
    taken: dict[str, FirstDelivery] = {}
    for _ in range(3):
        if not left:
            return taken
        for key_hash in _claim(target, left, ids=ids, now=now):
            left.pop(key_hash)
        if not left:
            return taken
        # The statement that met a rival cannot see its row; this one can.
        for key_hash, first in _read(target, left):
            taken[left.pop(key_hash).key] = first
    if left:
        raise DatabaseAway
    return taken


def release_keys(target: Target, keys: Iterable[str], *, ids: DeliveryIds) -> None:
    """Give back what this transaction took of them: only a fire keeps a key."""
    hashes = [hash_key(key) for key in keys]
    if not hashes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _RELEASE,
            {"destination_id": target.id, "hashes": hashes, "delivery_id": ids.delivery_id},
        )


def _claim(
    target: Target, left: dict[bytes, Claim], *, ids: DeliveryIds, now: dt.datetime
) -> list[bytes]:
    claims = left.values()
    parameters: dict[str, Any] = {
        "destination_id": target.id,
        "delivery_id": ids.delivery_id,
        "event_id": ids.event_id,
        "trigger_id": target.trigger_id,
        "expires_at": now + find_window(target),
        "now": now,
        "hashes": list(left),
        "fired_event_ids": [claim.fired_event_id for claim in claims],
        "run_ids": [claim.run_id for claim in claims],
        "fire_ids": [claim.fire_id for claim in claims],
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return [bytes(row[0]) for row in cursor.fetchall()]


def _read(target: Target, left: dict[bytes, Claim]) -> list[tuple[bytes, FirstDelivery]]:
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"destination_id": target.id, "hashes": list(left)})
        return [(bytes(row[0]), FirstDelivery(*row[1:])) for row in cursor.fetchall()]
