"""Spread: the same for whoever asks, and never past the next slot."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from triggers.rules.jitter import find_effective_time

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TRIGGER = uuid.UUID("01932f5e-0000-7000-8000-000000000001")


@given(
    st.uuids(),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 3600),
    st.integers(1, 100_000_000),
    st.none() | st.integers(0, 5_000),
)
def test_a_delay_is_within_the_jitter_the_next_slot_and_the_end(
    trigger_id: uuid.UUID, slot: datetime, jitter: int, distance: int, rest: int | None
) -> None:
    following = slot + timedelta(milliseconds=distance)
    ends_at = None if rest is None else slot + timedelta(seconds=rest)

    def ask() -> datetime:
        return find_effective_time(
            slot,
            trigger_id=trigger_id,
            jitter_seconds=jitter,
            following=following,
            ends_at=ends_at,
        )

    effective = ask()
    assert slot <= effective <= slot + timedelta(seconds=jitter)
    assert effective < following
    assert ends_at is None or effective <= ends_at
    assert ask() == effective


def test_triggers_and_slots_are_spread_over_the_whole_of_it() -> None:
    def find_delay(trigger_id: uuid.UUID, slot: datetime) -> int:
        effective = find_effective_time(
            slot, trigger_id=trigger_id, jitter_seconds=59, following=None
        )
        return int((effective - slot).total_seconds())

    of_triggers = {find_delay(uuid.UUID(int=number), NOON) for number in range(2_000)}
    of_slots = {find_delay(TRIGGER, NOON + timedelta(minutes=n)) for n in range(2_000)}
    assert of_triggers == of_slots == set(range(60))


def test_a_delay_is_the_same_in_every_process_and_release() -> None:
    """Due rows hold it: another hash would move what is promised already."""
    effective = find_effective_time(
        NOON, trigger_id=TRIGGER, jitter_seconds=3600, following=NOON + timedelta(days=1)
    )
    assert effective == NOON + timedelta(seconds=811)
