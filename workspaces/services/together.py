"""One transaction in one round trip: what is written in it goes out as a single statement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from workspaces.models.writing import Statement, fetch_prepared, gather_writes
from workspaces.rules.joined import RowInsert, join, join_claimed, join_group
from workspaces.services.group_commit import GroupCommit


class Claim(NamedTuple):
    """What only one may have: the rest is written by whoever takes it.

    ``take`` is an INSERT that returns ``taken``, an id, if it took it. ``held`` is a SELECT of at
    most one row, who had it before; its values say what it is that only one may have.
    """

    take: Statement
    held: Statement
    taken: UUID


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
    that one; otherwise what other threads claim and write at that moment may be committed with it.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    together, is_outermost = Together(), not connection.in_atomic_block
    try:
        with _begin(connection), gather_writes() as writes:
            yield together
            member = _find_company(together, check, writes, claim) if is_outermost else None
            if member is None:
                send_together(together, check, writes, claim)
            else:
                _company.send(member, kind=member.kind, key=tuple(member.claim.held.values))
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
    together: Together, check: Statement, writes: Sequence[Statement], claim: Claim | None
) -> None:
    """Execute all of it as one statement; what came of it goes into ``together``."""
    texts = tuple([write.sql for write in writes])
    values = [value for write in writes for value in write.values]
    if claim is None:
        sql, values = join(check.sql, texts), [*values, *check.values]
    else:
        sql = join_claimed(check.sql, texts, claim.take.sql, claim.held.sql)
        values = [*claim.take.values, *values, *check.values, *claim.held.values]
    [row] = fetch_prepared(sql, values)
    _note(together, row, is_claimed=claim is not None)


def _note(together: Together, row: Sequence[Any], *, is_claimed: bool = True) -> None:
    # What the check says is of no interest: it has not failed.
    _, *answer = row
    together.is_written = not is_claimed or answer[0]
    if not together.is_written and answer[1] is not None:
        together.holder = tuple(answer[1:])


@dataclass(frozen=True, slots=True)
class _Member:
    """What one of several threads has gathered, for which it has a claim; all that it writes are
    single rows.
    """

    together: Together
    check: Statement
    writes: Sequence[Statement]
    claim: Claim
    take: RowInsert
    rows: tuple[RowInsert, ...]

    @property
    def kind(self) -> tuple[Any, ...]:
        """The same for all whose statements differ in their values alone."""
        return self.check.sql, self.rows, self.take, self.claim.held.sql


def _find_company(
    together: Together, check: Statement, writes: Sequence[Statement], claim: Claim | None
) -> _Member | None:
    """None where it cannot be told which of several has written."""
    if claim is None or claim.take.row is None:
        return None
    rows = tuple([write.row for write in writes if write.row is not None])
    if len(rows) < len(writes):
        return None
    return _Member(together, check, writes, claim, claim.take.row, rows)


def _send(members: Sequence[_Member]) -> None:
    if len(members) == 1:
        one = members[0]
        send_together(one.together, one.check, one.writes, one.claim)
    else:
        # In the order of what they claim: so two groups never wait for each other both ways.
        _send_group(sorted(members, key=lambda member: tuple(member.claim.held.values)))


def _send_group(members: Sequence[_Member]) -> None:
    first, width = members[0], members[0].take.width
    is_check_shared = all(member.check.values == first.check.values for member in members)
    sql = join_group(
        first.check.sql,
        first.rows,
        first.take,
        first.claim.held.sql,
        size=len(members),
        is_check_shared=is_check_shared,
    )
    values = [value for member in members for value in member.claim.take.values[:width]]
    values += first.claim.take.values[width:]
    values += [member.claim.taken for member in members]
    for same in zip(*[member.writes for member in members], strict=True):
        values += [value for write in same for value in write.values]
    for member in members:
        if member is first or not is_check_shared:
            values += member.check.values
        values += member.claim.held.values
    for member, row in zip(members, fetch_prepared(sql, values), strict=True):
        _note(member.together, row)


_company: GroupCommit[_Member] = GroupCommit(_send)
