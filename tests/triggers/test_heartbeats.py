"""What is known of times in which no Beat ticked."""

import datetime as dt

import pytest
from django.utils import timezone

from triggers.models import SchedulerGap, SchedulerHeartbeat
from triggers.services.heartbeats import find_gap, record_heartbeat

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def tick(name: str = "one") -> None:
    record_heartbeat(name=name, is_leader=False, fires=0, lag_seconds=0.0)


def stop_all(ago: dt.timedelta) -> dt.datetime:
    last = timezone.now() - ago
    SchedulerHeartbeat.objects.update(ticked_at=last)
    return last


def test_a_fresh_installation_has_no_gap() -> None:
    tick()
    tick()
    assert not SchedulerGap.objects.exists()


def test_the_first_beat_after_a_silence_notes_it_once() -> None:
    tick("one")
    tick("two")
    last = stop_all(HOUR)
    tick("three")
    tick("one")
    gap = SchedulerGap.objects.get()
    assert gap.started_at == last
    assert gap.ended_at > last


def test_one_beat_that_lives_is_no_gap() -> None:
    tick("dead")
    stop_all(HOUR)
    SchedulerGap.objects.all().delete()
    tick("alive")
    SchedulerGap.objects.all().delete()
    SchedulerHeartbeat.objects.filter(name="dead").update(ticked_at=timezone.now() - HOUR)
    tick("dead")
    assert not SchedulerGap.objects.exists()


def test_a_short_pause_between_ticks_is_no_gap() -> None:
    tick()
    stop_all(dt.timedelta(seconds=8))
    tick()
    assert not SchedulerGap.objects.exists()


def test_a_gap_is_found_by_what_lies_in_it() -> None:
    tick()
    last = stop_all(HOUR)
    now = timezone.now()
    assert find_gap(now - HOUR / 2, now=now) == (last, None)
    assert find_gap(now - 2 * HOUR, now=now) is None
    tick()
    now = timezone.now()
    found = find_gap(now - HOUR / 2, now=now)
    assert found is not None
    assert found[0] == last
    assert found[1] is not None
    assert find_gap(now, now=now) is None
