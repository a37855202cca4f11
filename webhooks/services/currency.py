"""Destinations remembered for seconds, and never out of date: what is written for a request is
committed only while all that it rests on is as it was read, so a change takes effect with the next
request in every process.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import DataError, IntegrityError
from psycopg.errors import DivisionByZero

from events.services import is_partition_missing
from webhooks.services.ledger import refuse_day
from webhooks.services.memory import Memory, Sparingly
from webhooks.services.targets import Target, build_check, read_target, weigh_target
from workspaces.rules.ids import parse_id
from workspaces.services import Claim, Together, open_prepared_cursor, write_together

KEPT_SECONDS = 5.0
KEPT_TARGETS = 1024
# Larger ones, in characters of JSON, are read for each request: owners must not fill the memory.
KEPT_WEIGHT = 32 * 1024
# Unknown ids are a stranger's to choose: they must not drive out the known ones.
KEPT_UNKNOWN = 4096
# An unknown id is looked for again before each 404, until strangers ask for too many.
LOOKS_PER_SECOND = 20

_known: Memory[UUID, Target] = Memory(size=KEPT_TARGETS, seconds=KEPT_SECONDS)
_unknown: Memory[UUID, float] = Memory(size=KEPT_UNKNOWN, seconds=KEPT_SECONDS)
_looks = Sparingly(per_second=LOOKS_PER_SECOND)


class TargetChanged(Exception):
    """The destination, its secrets, trigger or action are not what they were when read."""


def find_target(destination_id: str, *, workspace_id: str | None) -> Target | None:
    """The destination of this id, active or not, where a path that names a workspace names its."""
    key = parse_id(destination_id)
    return None if key is None else _admit(_look(key), workspace_id)


def recall_target(destination_id: str, *, workspace_id: str | None) -> Target | None:
    """As `find_target`, but what was read up to five seconds ago will do: whoever writes something
    because of it does so in `hold_target`, and who does not, asks `check_target`.
    """
    key = parse_id(destination_id)
    if key is None:
        return None
    now = time.monotonic()
    target = _known.recall(key, now=now)
    if target is None and (_unknown.recall(key, now=now) is None or _looks.may(now=now)):
        target = _look(key)
    return _admit(target, workspace_id)


def forget_target(target: Target) -> None:
    """For whoever has changed it: the next request reads it again at once."""
    _known.forget(target.id)


def forget_targets() -> None:
    """Begin as a new process does."""
    _known.clear()
    _unknown.clear()


@contextmanager
def hold_target(target: Target, *, claim: Claim | None = None) -> Iterator[Together]:
    """`write_together` while the target is as it was read.

    Raises:
        TargetChanged: the target is not as it was read; nothing was written.
        PartitionMissing: there is no partition for today; nothing was written.
    """
    try:
        with _noticing(), write_together(build_check(target), claim=claim) as together:
            yield together
    except IntegrityError as error:
        if is_partition_missing(error):
            raise refuse_day() from error
        raise


def check_target(target: Target) -> None:
    """The same by itself; in a transaction, which is spoilt then, as its last statement.

    Raises:
        TargetChanged: the target is not as it was read.
    """
    check = build_check(target)
    with _noticing(), open_prepared_cursor() as cursor:
        cursor.execute(check.sql, check.values)


@contextmanager
def _noticing() -> Iterator[None]:
    """What `build_check` fails with means that the target has changed."""
    try:
        yield
    except DataError as error:
        if isinstance(error.__cause__, DivisionByZero):
            raise TargetChanged from error
        raise


def _look(key: UUID) -> Target | None:
    read_at = time.monotonic()
    target = read_target(key)
    if target is None:
        _known.forget(key)
        _unknown.keep(key, read_at, now=read_at)
    else:
        _unknown.forget(key)
        if weigh_target(target) <= KEPT_WEIGHT:
            _known.keep(key, target, now=read_at)
        else:
            _known.forget(key)
    return target


def _admit(target: Target | None, workspace_id: str | None) -> Target | None:
    if target is None or workspace_id is None or parse_id(workspace_id) == target.workspace_id:
        return target
    return None
