"""What old keys have encrypted, encrypted again with the first one: row by row, in small steps."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import BinaryField, Count, F, QuerySet
from django.db.models.functions import Substr

from workspaces.services.encryption import (
    KEY_PREFIX_LENGTH,
    SecretUnreadable,
    current_key_prefix,
    decrypt_secret,
    encrypt_secret,
    read_key_id,
)

UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of a room's that holds what ``encrypt_secret`` made; ``name`` is for operators."""

    name: str
    rows: QuerySet[Any]
    column: str


@dataclass(slots=True)
class Reencryption:
    """How many rows were encrypted anew, and how many no configured key can open."""

    reencrypted: int = 0
    unreadable: int = 0


def count_by_key(sealed: SealedColumn) -> Counter[str]:
    """How many of the rows are under which key's id; ``unnamed``: of before there were ids."""
    found = (
        sealed.rows.exclude(**{f"{sealed.column}__isnull": True})
        .annotate(key_prefix=_read_prefix(sealed.column))
        .order_by()
        .values_list("key_prefix")
        .annotate(number=Count("pk"))
    )
    counts: Counter[str] = Counter()
    for prefix, number in found:
        counts[read_key_id(prefix) or UNNAMED] += number
    return counts


def reencrypt_column(
    sealed: SealedColumn,
    *,
    batch_size: int,
    report: Callable[[Reencryption], None] = lambda _: None,
) -> Reencryption:
    """Encrypt with the first key what is not under it yet; ``report`` hears of every batch.

    It may be stopped anywhere and begun again, beside running processes: rows that are done are not
    read twice, and one that was written meanwhile is left as it was written.
    """
    done, after = Reencryption(), None
    while True:
        batch = _read_batch(sealed, after=after, size=batch_size)
        for key, cipher in batch:
            _reencrypt(sealed, key=key, cipher=bytes(cipher), done=done)
        if batch:
            report(done)
        if len(batch) < batch_size:
            return done
        after = batch[-1][0]


def _read_batch(sealed: SealedColumn, *, after: Any, size: int) -> list[tuple[Any, bytes]]:
    waiting = (
        sealed.rows.exclude(**{f"{sealed.column}__isnull": True})
        .annotate(key_prefix=_read_prefix(sealed.column))
        .exclude(key_prefix=current_key_prefix())
    )
    if after is not None:
        waiting = waiting.filter(pk__gt=after)
    return list(waiting.order_by("pk").values_list("pk", sealed.column)[:size])


def _reencrypt(sealed: SealedColumn, *, key: Any, cipher: bytes, done: Reencryption) -> None:
    try:
        fresh = encrypt_secret(decrypt_secret(cipher))
    except SecretUnreadable:
        done.unreadable += 1
        return
    # Compare-and-set: who stored another secret meanwhile is right.
    unchanged = sealed.rows.filter(**{"pk": key, sealed.column: cipher})
    done.reencrypted += unchanged.update(**{sealed.column: fresh})


def _read_prefix(column: str) -> Substr:
    return Substr(F(column), 1, KEY_PREFIX_LENGTH, output_field=BinaryField())
