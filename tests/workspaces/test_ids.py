"""Ids carry the time at which they were minted, or that of a history being written."""

import datetime as dt
import threading
from uuid import UUID

from workspaces.models import new_id
from workspaces.services import mint_ids_of

THEN = dt.datetime(2026, 3, 29, 1, 30, 0, 250_000, tzinfo=dt.UTC)


def read_ms(id_: UUID) -> int:
    assert (id_.version, id_.variant) == (7, "specified in RFC 4122")
    return id_.int >> 80


def test_past_ids_are_of_their_moment_ascend_and_differ() -> None:
    with mint_ids_of(THEN):
        ids = [new_id() for _ in range(5000)]
    assert sorted(set(ids)) == ids
    first_ms = round(THEN.timestamp() * 1000)
    assert [read_ms(ids[0]), read_ms(ids[4095]), read_ms(ids[4096])] == [
        first_ms,
        first_ms,
        first_ms + 1,
    ]


def test_the_moment_ends_with_its_block_and_with_an_error() -> None:
    now_ms = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    try:
        with mint_ids_of(THEN), mint_ids_of(THEN + dt.timedelta(days=1)):
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert read_ms(new_id()) >= now_ms


def test_other_threads_mint_ids_of_now() -> None:
    minted: list[UUID] = []
    with mint_ids_of(THEN):
        thread = threading.Thread(target=lambda: minted.append(new_id()))
        thread.start()
        thread.join()
    assert read_ms(minted[0]) > round(THEN.timestamp() * 1000) + 1000
