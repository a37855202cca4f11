"""One transaction in one round trip: what is written in it goes out as a single statement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from workspaces.models.writing import Statement, fetch_prepared, gather_writes


class Claim(NamedTuple):
    """What only one may have: the rest is written by whoever takes it.

    ``take`` is an INSERT that returns a row if it took it. ``held`` is a SELECT of at most one row,
    who had it before.
    """

    take: Statement
    held: Statement


@dataclass(slots=True)
class Together:
    """What came of it, once it was sent. With a claim that somebody else has, nothing was written,
    and ``holder`` is what the claim's ``held`` says; None: he came at the same moment.
    """

    is_written: bool = False
    holder: tuple[Any, ...] | None = None


@contextmanager
def write_together(check: Statement, *, claim: Claim | None = None) -> Iterator[Together]:
    """As ``transaction.atomic()``, for rows that need no answer: what is inserted inside is sent at
    the end at once, and is written as a whole or not at all. Hooks for the commit run after it.

    ``check`` is a SELECT of one value that fails where nothing may be written. Whatever else is
    executed inside is no part of the transaction. Inside another transaction this is a part of
    that one.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    together = Together()
    try:
        with _begin(connection), gather_writes() as writes:
            yield together
            send_together(together, check, writes, claim)
            if not together.is_written:
                raise _NothingWritten
    except _NothingWritten:
        # Whoever waited for the commit has been forgotten.
        return


class _NothingWritten(Exception):
    """Ends a block without a commit, and without an error."""


@contextmanager
def _begin(connection: BaseDatabaseWrapper) -> Iterator[None]:
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    connection.ensure_connection()
    # To Django an atomic block, so that its hooks wait; to Postgres a statement of its own.
    connection.in_atomic_block = True
    try:
        yield
    except BaseException:
        connection.run_on_commit = []
        raise
    finally:
        connection.in_atomic_block = False
        connection.needs_rollback = False
    connection.run_and_clear_commit_hooks()


def send_together(
    together: Together,
    check: Statement,
    writes: Sequence[Statement],
    claim: Claim | None,
) -> None:
    """Execute all of it as one statement; what came of it goes into ``together``."""
    texts = tuple([write.sql for write in writes])
    values = [value for write in writes for value in write.values]
    if claim is None:
        sql, values = _join(check.sql, texts), [*values, *check.values]
    else:
        sql = _join_claimed(check.sql, texts, claim.take.sql, claim.held.sql)
        values = [*claim.take.values, *values, *check.values, *claim.held.values]
    # What the check says is of no interest: it has not failed.
    _, *answer = fetch_prepared(sql, values) or (None, False)
    together.is_written = claim is None or answer[0]
    if not together.is_written and answer[1] is not None:
        together.holder = tuple(answer[1:])


@lru_cache(maxsize=256)
def _join(check: str, writes: tuple[str, ...]) -> str:
    if not writes:
        return check
    parts = ", ".join(f"w{number} AS ({sql})" for number, sql in enumerate(writes))
    return f"WITH {parts} {check}"


@lru_cache(maxsize=256)
def _join_claimed(check: str, writes: tuple[str, ...], take: str, held: str) -> str:
    parts = "".join(
        f", w{number} AS ({sql} WHERE EXISTS (SELECT FROM taken))"
        for number, sql in enumerate(writes)
    )
    answer = "EXISTS (SELECT FROM taken), held.*"
    source = f"(SELECT) AS one LEFT JOIN ({held}) AS held ON true"
    # All of it is the rooms' own SQL.
    return f"WITH taken AS ({take}){parts} SELECT ({check}), {answer} FROM {source}"  # noqa: S608
