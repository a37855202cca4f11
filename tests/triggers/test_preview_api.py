"""The preview by HTTP: when a schedule would fire, and what about it may surprise."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import TriggerFactory
from tests.triggers.conftest import Person, open_door
from triggers.services.slots import compute_next_slot

pytestmark = pytest.mark.django_db


def ask(person: Person, **body: Any) -> Any:
    url = f"/v1/{person.workspace.pk}/schedules/preview"
    return person.client.post(url, body, format="json")


def preview(person: Person, **body: Any) -> dict[str, Any]:
    answer = ask(person, **body)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def test_a_preview_has_every_member(bob: Person) -> None:
    assert preview(
        bob, schedule="30 2 * * *", timezone="Europe/Berlin", after="2026-03-28T12:00:00Z", count=2
    ) == {
        "items": [
            {
                "at": "2026-03-29T01:00:00Z",
                "local": "2026-03-29T03:00:00+02:00",
                "dst": "shifted",
                "effective_at": "2026-03-29T01:00:00Z",
            },
            {
                "at": "2026-03-30T00:30:00Z",
                "local": "2026-03-30T02:30:00+02:00",
                "dst": None,
                "effective_at": "2026-03-30T00:30:00Z",
            },
        ],
        "human_readable": "Daily at 2:30 AM (Europe/Berlin)",
        "mode": "cron",
        "interval_job": False,
        "warnings": ["fires at 3:00 AM on 29 March, when its own time does not exist"],
    }


def test_ten_slots_from_now_in_utc_unless_told_otherwise(bob: Person) -> None:
    answer = preview(bob, schedule="@hourly")
    instants = [dt.datetime.fromisoformat(item["at"]) for item in answer["items"]]
    assert len(instants) == 10
    assert dt.timedelta(0) < instants[0] - dt.datetime.now(dt.UTC) <= dt.timedelta(hours=1)
    assert answer["items"][0]["local"].endswith("+00:00")


@pytest.mark.parametrize(
    ("body", "marks"),
    [
        # The night of 25 October 2026: 02:30 comes twice in Berlin.
        ({"schedule": "30 2 * * *"}, ["first_of_two", None]),
        ({"schedule": "30 2 * * *", "dst_overlap": "second"}, ["repeated", None]),
        ({"schedule": "30 2 * * *", "dst_overlap": "both"}, ["first_of_two", "repeated"]),
        ({"schedule": "*/30 2 * * *"}, ["first_of_two", "first_of_two", "repeated", "repeated"]),
        ({"schedule": "0 3 * * *"}, [None, None]),
        ({"schedule": "@every 1h"}, [None] * 2),
    ],
)
def test_slots_in_the_hour_that_comes_twice_are_marked(
    bob: Person, body: dict[str, Any], marks: list[str | None]
) -> None:
    after = "2026-10-24T20:00:00Z"
    answer = preview(bob, timezone="Europe/Berlin", after=after, count=len(marks), **body)
    assert [item["dst"] for item in answer["items"]] == marks


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "mark"),
    [
        # A slot that is there anyway is not shifted, though a skipped one meets it.
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", None),
        # Midnight itself is left out.
        ("30 0 * * *", "Africa/Cairo", "2026-04-23T20:00:00Z", "shifted"),
        # Only half an hour.
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", "shifted"),
        ("*/15 * * * *", "Europe/Berlin", "2026-03-29T00:50:00Z", None),
    ],
)
def test_only_what_moved_is_marked_as_shifted(
    bob: Person, schedule: str, zone: str, after: str, mark: str | None
) -> None:
    [item] = preview(bob, schedule=schedule, timezone=zone, after=after, count=1)["items"]
    assert item["dst"] == mark


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"schedule": "0 0 13 * 5"}, ["both day fields: either matches"]),
        ({"schedule": "0 0 31 * *"}, ["skips months without a 31st"]),
        ({"schedule": "0 0 30 * *"}, ["skips months without a 30th"]),
        ({"schedule": "0 0 31 1,3 *"}, []),
        ({"schedule": "0 0 1,31 * *"}, ["the 31st does not come in every month"]),
        ({"schedule": "0 0 L * *"}, []),
        ({"schedule": "0 0 * * 1#5"}, ["skips months without a fifth such day"]),
        ({"schedule": "*/45 * * * *"}, ["every 45 minutes is uneven: it starts anew each hour"]),
        ({"schedule": "0 */5 * * *"}, ["every 5 hours is uneven: it starts anew each day"]),
        (
            {"schedule": "30 2 * * 0", "timezone": "Europe/Berlin", "dst_overlap": "both"},
            [
                "fires at 3:00 AM on 29 March, when its own time does not exist",
                "fires twice on 25 October",
            ],
        ),
        (
            {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "dst_gap": "skip"},
            ["leaves out what does not exist on 29 March"],
        ),
        # Every hour is every hour.
        ({"schedule": "30 * * * *", "timezone": "Europe/Berlin"}, []),
        ({"schedule": "30 2 * * 1", "timezone": "Europe/Berlin", "dst_overlap": "both"}, []),
        ({"schedule": "@every 90s", "timezone": "Europe/Berlin"}, []),
    ],
)
def test_what_may_surprise_is_said(bob: Person, body: dict[str, Any], expected: list[str]) -> None:
    answer = preview(bob, after="2026-02-01T00:00:00Z", **body)
    assert answer["warnings"] == expected


def test_bounds_cut_the_slots_and_hold_themselves(bob: Person) -> None:
    answer = preview(
        bob,
        schedule="@daily",
        after="2026-01-01T00:00:00Z",
        starts_at="2026-03-01T00:00:00Z",
        ends_at="2026-03-03T00:00:00Z",
    )
    assert [item["at"][:10] for item in answer["items"]] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
    ]
    later = preview(
        bob, schedule="@daily", after="2026-03-03T00:00:00Z", ends_at="2026-03-03T00:00:00Z"
    )
    assert (later["items"], later["warnings"]) == ([], ["no slot comes within its bounds"])


@pytest.mark.parametrize("trigger_id", [None, "0190f3a4-0000-7000-8000-000000000007"])
def test_a_spread_delays_each_slot_and_is_the_triggers_own(
    bob: Person, trigger_id: str | None
) -> None:
    body = {
        "schedule": "@daily",
        "jitter_seconds": 300,
        "starts_at": None,
        "trigger_id": trigger_id,
    }
    answer = preview(bob, **body)
    assert preview(bob, **body) == answer
    assert any(item["effective_at"] != item["at"] for item in answer["items"])
    for item in answer["items"]:
        delay = dt.datetime.fromisoformat(item["effective_at"]) - dt.datetime.fromisoformat(
            item["at"]
        )
        assert dt.timedelta(0) <= delay <= dt.timedelta(seconds=300)
    assert len(answer["warnings"]) == (trigger_id is None)


def test_a_spread_ends_before_the_next_slot(bob: Person) -> None:
    items = preview(bob, schedule="* * * * *", jitter_seconds=3600, count=100)["items"]
    for item, following in pairwise(items):
        assert item["effective_at"] < following["at"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/schedule"]),
        ({"schedule": 5}, ["/schedule"]),
        ({"schedule": ""}, ["/schedule"]),
        ({"schedule": "@at 2020-01-01T00:00:00Z"}, ["/schedule"]),
        ({"schedule": "0 0 30 2 *"}, ["/schedule"]),
        ({"schedule": "0 9 * * FRI-MON"}, ["/schedule"]),
        ({"schedule": "0 9 * * 1", "timezone": "PST"}, ["/timezone"]),
        ({"schedule": "0 9 * * 1 *", "timezone": "GMT+5"}, ["/schedule", "/timezone"]),
        ({"schedule": "@daily", "count": 0}, ["/count"]),
        ({"schedule": "@daily", "count": 101}, ["/count"]),
        ({"schedule": "@daily", "count": "5"}, ["/count"]),
        ({"schedule": "@daily", "after": "yesterday"}, ["/after"]),
        ({"schedule": "@daily", "after": "9999-12-31T23:59:59Z"}, ["/after"]),
        ({"schedule": "@daily", "after": "0001-01-01T00:00:00Z"}, ["/after"]),
        ({"schedule": "@daily", "starts_at": "0001-01-01T00:00:00Z"}, ["/starts_at"]),
        ({"schedule": "@daily", "dst_gap": "both"}, ["/dst_gap"]),
        ({"schedule": "@daily", "dst_overlap": "skip"}, ["/dst_overlap"]),
        ({"schedule": "@daily", "jitter_seconds": 3601}, ["/jitter_seconds"]),
        ({"schedule": "@daily", "cron": "x"}, ["/cron"]),
        (
            {
                "schedule": "@daily",
                "starts_at": "2026-03-03T00:00:00Z",
                "ends_at": "2026-03-03T00:00:00Z",
            },
            ["/ends_at"],
        ),
    ],
)
def test_what_is_not_sound_is_pointed_at(
    bob: Person, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = ask(bob, **body)
    assert answer.status_code == 422, answer.json()
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


def test_a_refusal_names_the_field_and_how_to_write_it(bob: Person) -> None:
    detail = ask(bob, schedule="0 9 * * FRI-MON").json()["detail"]
    assert "day-of-week" in detail
    assert "FRI,SAT,SUN,MON" in detail


def test_the_preview_needs_the_scope_and_the_workspace(alice: Person, charlie: Person) -> None:
    stranger = Person(alice.workspace, charlie.client)
    assert ask(stranger, schedule="@daily").status_code == 404
    other = Person(alice.workspace, open_door(alice.workspace, "runs:read"))
    assert ask(other, schedule="@daily").status_code == 403


def test_what_is_previewed_is_what_a_trigger_will_do(bob: Person) -> None:
    trigger = TriggerFactory.build(
        schedule="15 1,2,3 * * *", timezone="America/New_York", dst_overlap="both"
    )
    after = dt.datetime(2026, 10, 30, tzinfo=dt.UTC)
    answer = preview(
        bob,
        schedule=trigger.schedule,
        timezone=trigger.timezone,
        dst_overlap="both",
        after=after.isoformat(),
        count=20,
    )
    for item in answer["items"]:
        slot = compute_next_slot(trigger, after=after)
        assert slot is not None
        assert dt.datetime.fromisoformat(item["at"]) == slot
        after = slot


def test_a_preview_reads_nothing_but_the_key(bob: Person) -> None:
    preview(bob, schedule="@daily")
    with CaptureQueriesContext(connection) as queries:
        preview(bob, schedule="* * * * *", count=100)
    assert len(queries) <= 2
