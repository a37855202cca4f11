"""``max_fires`` counts what fires, not what flow control turns away."""

from typing import Any

import pytest

from tests.triggers.test_due_bounds import owing_trigger, read_outcomes, read_state, this_minute
from triggers.models import Fire, ScheduleState, Trigger
from triggers.services import fire_due_triggers

pytestmark = pytest.mark.django_db


def read_left(trigger: Trigger) -> tuple[int, bool]:
    """Fires that count, and whether more are to come."""
    state = read_state(trigger)
    return state.fire_count, state.next_fire_at is not None


@pytest.mark.parametrize(
    ("fields", "outcomes", "count"),
    [
        ({"overlap_policy": "skip"}, ["fired", *["overlap_skipped"] * 5], 1),
        ({"fire_limit": {"max": 2, "window": "1h"}}, ["fired"] * 2 + ["limited"] * 4, 2),
        (
            {"overlap_policy": "cancel_other"},
            ["overlap_skipped"] * 2 + ["fired", "overlap_skipped", "fired", "fired"],
            3,
        ),
        ({"overlap_policy": "buffer_all"}, ["fired"] * 3, 3),
    ],
)
def test_slots_that_flow_control_turns_away_do_not_count(
    fields: dict[str, Any], outcomes: list[str], count: int
) -> None:
    trigger = owing_trigger(minutes=5, catch_up_policy="replay", max_fires=3, **fields)
    while fire_due_triggers().claimed:
        pass
    assert read_outcomes(trigger) == outcomes
    assert read_left(trigger) == (count, count < 3)


@pytest.mark.parametrize("policy", ["skip", "buffer_one", "cancel_other", "allow"])
def test_the_last_slot_exhausts_only_if_it_fires(policy: str) -> None:
    trigger = owing_trigger(max_fires=2, overlap_policy=policy)
    fire_due_triggers()
    ScheduleState.objects.update(next_fire_at=this_minute(), due_at=this_minute())
    Fire.objects.update(key="slot:before")
    fire_due_triggers()
    assert read_left(trigger) == ((1, True) if policy == "skip" else (2, False))
    assert read_state(trigger).misfire_count == 0


def test_a_held_slot_that_gives_its_place_away_does_not_count() -> None:
    trigger = owing_trigger(max_fires=3, overlap_policy="buffer_one")
    for number in range(4):
        # One runs, one is held, and each one after that takes the held one's place.
        ScheduleState.objects.update(next_fire_at=this_minute(), due_at=this_minute())
        fire_due_triggers()
        Fire.objects.filter(key__startswith="slot:").update(key=f"slot {number}")
        assert read_left(trigger) == (min(number + 1, 2), True)
    assert sorted(Fire.objects.values_list("outcome", flat=True)) == [
        "fired",
        "fired",
        "overlap_skipped",
        "overlap_skipped",
    ]


def test_a_turned_away_slot_is_not_on_time() -> None:
    trigger = owing_trigger(fire_limit={"max": 1, "window": "1h"})
    fire_due_triggers()
    before = read_state(trigger)
    ScheduleState.objects.update(next_fire_at=this_minute(), due_at=this_minute(), misfire_count=4)
    Fire.objects.update(key="slot:before")
    fire_due_triggers()
    state = read_state(trigger)
    assert (state.misfire_count, state.last_fire_id) == (4, before.last_fire_id)
