"""Lines that other crons, other scripts and other people write: each refused by name at the door.

A refusal begins with the field at fault, ``schedule`` where it is none of the five.
"""

import json

import pytest

from tests.triggers.conftest import Person

pytestmark = pytest.mark.django_db

REFUSED = {
    "minute": """
60 * * * * | -1 * * * * | +5 * * * * | 1e1 * * * * | 0x10 * * * * | 1_0 * * * * | */0 * * * * |
*/-5 * * * * | */+5 * * * * | */ * * * * | /5 * * * * | 5/ * * * * | */5/5 * * * * |
*/1.5 * * * * | */a * * * * | */60x * * * * | ** * * * * | */* * * * * | 5-/2 * * * * |
-5/2 * * * * | 5--7 * * * * | 5-7- * * * * | 5-7/ * * * * | 5-7/0 * * * * | 7-5 * * * * |
59-0 * * * * | *-5 * * * * | 5-* * * * * | 0-59/61 * * * * | 1;2 * * * * | 1:2 * * * * |
1,,2 * * * * | ,1 * * * * | 1, * * * * | , * * * * | (1) * * * * | [1] * * * * | {1} * * * * |
"1" * * * * | '1' * * * * | ? ? ? ? ? | L 0 * * * | JAN * * * * | */61 * * * * | 5/61 * * * * |
1-3/61 * * * * | */70 * * * * | */999999999999999999999 * * * * | 99999999999999999999 * * * * |
000 * * * * | 0001 * * * * | 001-5 * * * * | H * * * * | H H * * * | H/5 * * * * |
H(0-5) * * * * | R * * * * | R R * * * | r * * * * | h/2 * * * * | h(1-2)/3 * * * * | ~ * * * * |
0~59 * * * * | 1~5 * * * * | \u0665 * * * * | \uff15 * * * * | \u00b2 * * * * | \u2217 * * * * |
!0 9 * * *
""",
    "hour": """
* 24 * * * | 1 ,2 * * * | 0 L * * * | * JAN * * * | * */25 * * * | 0 9am * * *
""",
    "day-of-month": """
* * 0 * * | * * 32 * * | 0 0 ? * * | 0 0 LW * * | 0 0 15W * * | 0 0 W15 * * | 0 0 L-1 * * |
0 0 -1 * * | 0 0 L/2 * * | 0 0 L-15 * * | 0 0 1-L * * | 0 0 LL * * | 0 0 L1 * * | 0 0 31L * * |
0 0 L5 * * | 0 0 5#1 * * | 0 0 L * 5 | 0 0 L * 5L | 0 0 L * 0-6 | 0 0 L * */1 | 0 0 L,* * 1 |
0 0 30 2 * | 0 0 31 2 * | 0 0 30,31 2 * | 0 0 30-31 2 * | 0 0 31 4 * | 0 0 31 4,6,9,11 * |
0 0 31 2,4 * | 0 0 30 FEB * | 0 0 31/2 feb * | * * JAN * * | * * */32 * * | 0 0 1st * *
""",
    "month": """
* * * 0 * | * * * 13 * | 0 0 L W * | 0 0 * L * | 0 0 * 5#1 * | * * * MON * | * * * JANUARY * |
* * * J * | * * * Jan-Foo * | * * * FEB-JAN * | * * * DEC-FEB * | * * * SEPT * | * * * */13 *
""",
    "day-of-week": """
* * * * 8 | * * * * ** | 0 0 * * ? | 0 0 * * L | 0 0 * * LFRI | 0 0 * * L5 | 0 0 * * 5LL |
0 0 * * 8L | 0 0 * * -L | 0 0 * * *L | 0 0 * * 1-5L | 0 0 * * 5L/2 | 0 0 * * FRIDAYL |
0 0 * * 10L | 0 0 * * 5#0 | 0 0 * * 5#6 | 0 0 * * 5# | 0 0 * * #5 | 0 0 * * 5#10 | 0 0 * * 5##1 |
0 0 * * 5#1#2 | 0 0 * * 8#1 | 0 0 * * 5#-1 | 0 0 * * 5#L | 0 0 * * *#1 | 0 0 * * 1-5#1 |
0 0 * * 5#1-2 | 0 0 * * 5#1/2 | 0 0 * * FRIDAY#1 | 0 0 * * 1#01 | 0 0 1 * 5L | 0 0 1 * 5#2 |
0 0 */2 * 5#2 | 0 0 1-31 * 5#2 | 0 0 * * 5#2,1 | 0 0 * * 5L,1-3 | 0 0 * * *,5L | 0 0 * * */2,5#1 |
0 0 29-31/3 2 *x | 0 0 * 2 1#5 | 0 0 * feb mon#5,tue#5 | * * * * JAN | * * * * MONDAY |
* * * * TU | * * * * Mo | * * * * SUN-MON-TUE | * * * * SAT-SUN | * * * * FRI-MON | * * * * 6-1 |
* * * * THUR | * * * * TUES | 0 0 * * MON/2 | 0 0 * * 1/2 | 0 0 * * 7/2 | 0 0 * * SUN/2 |
* * * * */8 | 0 0 * * \uff2d\uff2f\uff2e | 0 9 * * 1\u20135 | 0 9 * * 1\u20145 |
0 9 * * m\u043en | 0 9 * * \u017fun | 0 0 * * FR\u0131DAY | 0 9 * * *; | 0,9 * * * *; |
0 9 * * 1.5 | 0 9 * * 1..5 | 0 9 * * 1-5, | 0 9 * * mon, | 0 9 * * mon- | 0 9 * * -fri |
* * * * 1-5-7
""",
    "schedule": """
* * * * | * * * * * * | * * * * * * * | * | 0 | @ | @@daily | @reboot | @REBOOT | @secondly |
@minutely | @quarterly | @fortnightly | @every_minute | @weekdays | @noon | @hourly 5 |
5 @hourly | @daily * * * * | @hourlyx | @ daily | daily | hourly | @daily,@hourly | @every |
@every 0s | @every -5m | @every 5 | @every 5 m | @every m | @every 1h30 | @every 30s1h |
@every 1h1h | @every 1y | @every 1mo | @every 1.5s | @every 10.5s | @every 1e3s |
@every 100d100d | @every 367d | @every 99999999999s | @every 5m/ | @every /5m | @every 5m/5m |
@every 5m/10m | @every 5m/-1m | @every 5m/1m/1m | @every 5m 1m | @every: 5m | @every5m |
@every=5m | @every 1H | @every 5M | @every PT5M | @every 5min | @every 5 minutes | @every 500ms |
@every 1s500ms | @every 9s | @at | @at now | @at 2026-12-01 | @at 2026-12-01T09:00 |
@at 2026-12-01T09:00:00 | @at 2026-13-01T09:00:00Z | @at 2026-02-29T09:00:00Z |
@at 2026-12-01T24:00:00Z | @at 2026-12-01T09:60:00Z | @at 2026-12-01T09:00:60Z |
@at 2026-12-01T09:00:00+25:00 | @at 2026-12-01T09:00:00+0100 | @at 1767225600 |
@at 2026-12-01T09:00:00 UTC | @at 2026-12-01T09:00:00Z extra | @at 0000-01-01T00:00:00Z |
@at 10000-01-01T00:00:00Z | @at 9999-12-31T23:59:59-23:00 | *\u3000* * * * | TZ=UTC 0 9 * * * |
CRON_TZ=UTC 0 9 * * * | 0 9 * * * UTC | 0 9 * * * # x | # 0 9 * * * | 0 9 * * * root cmd |
every day | at 9 | rate(5 minutes) | cron(0 9 * * ? *) | R/PT1H | P1D | FREQ=DAILY | null | None |
true | 9:00 * * * | 0 0 1 1 * 2026 | 0 0 0 1 1 * | 0 0 9 ? * MON-FRI | @every 1.5h | @every 1w |
@every 0.5m | @every 1d500ms | @every 90.0s | @every 1h/0.5m | @every 1h/1w
""",
}
CONTROLS = ["\n", "\t", "\r", "\x0b", "\x1f", "\x7f"]


@pytest.mark.parametrize("field", REFUSED)
def test_what_is_refused_is_told_which_field_and_why(bob: Person, field: str) -> None:
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    for line in REFUSED[field].split("|"):
        answer = bob.client.post(url, {"schedule": line.strip()}, format="json")
        assert answer.status_code == 422, line
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/schedule", "invalid_schedule"), line
        assert error["detail"].startswith(f"{field}: "), (line, error)
        assert answer.json()["detail"] == error["detail"]


@pytest.mark.parametrize("sign", CONTROLS)
@pytest.mark.parametrize("line", ["{}0 9 * * *", "0{}9 * * *", "0 9 * * *{}", "@daily{}"])
def test_control_characters_are_refused_wherever_they_stand(
    bob: Person, line: str, sign: str
) -> None:
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    answer = bob.client.post(url, {"schedule": line.format(sign)}, format="json")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("schedule: a schedule is one line")


@pytest.mark.parametrize(
    "schedule",
    ["", "0 9 * * *" + " " * 120, "0 9 * * *\x00", "\ud800", 5, None, ["@daily"], {}, True],
)
def test_what_is_no_text_of_that_kind_points_at_the_field(bob: Person, schedule: object) -> None:
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    body = json.dumps({"schedule": schedule})
    answer = bob.client.post(url, body, content_type="application/json")
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/schedule"]


def test_a_time_gone_by_is_no_time_to_come(bob: Person) -> None:
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    answer = bob.client.post(url, {"schedule": "@at 2020-01-01T00:00:00Z"}, format="json")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "schedule: it has no slot to come, its time is past"


@pytest.mark.parametrize(
    "line",
    [
        "0-59/60 * * * *",
        "*/60 */24 */31 */12 */7",
        "*/005 05 09 9 07",
        " 0   9 * * mon-FRI ",
        "0 0 29 2 *",
        "0 0 29-31/2 feb *",
        "0 0 30 2 1",
        "0 0 L 2 *",
        "0 0 L,15,L * *",
        "0 0 * * 0L,7#1,sat#5",
        "0 0 * * 5#5",
        "0 0 * * 0,7,SUN",
        "0 0 */2 * 1-7/2",
        "0-59 0-23 1-31 1-12 0-7",
        "@every 366d/365d23h59m59s",
        "@Every 1d12h30m15s",
        "@AT 2099-12-31t23:59:59.5+14:00",
    ],
)
def test_odd_lines_that_mean_something_are_taken(bob: Person, line: str) -> None:
    url = f"/v1/{bob.workspace.pk}/schedules/preview"
    answer = bob.client.post(url, {"schedule": line, "count": 1}, format="json")
    assert answer.status_code == 200, answer.json()
    assert len(answer.json()["items"]) == 1
