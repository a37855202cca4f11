"""Flow control through the door: fields, refusals, answers."""

from typing import Any

import pytest

from tests.factories import TriggerFactory
from tests.triggers.conftest import Person
from triggers.models import Trigger
from workspaces.models import Revision

pytestmark = pytest.mark.django_db


def make(alice: Person, **fields: Any) -> Trigger:
    return TriggerFactory.create(action__workspace=alice.workspace, **fields)


def patch(alice: Person, trigger: Trigger, body: dict[str, Any]) -> Any:
    return alice.client.patch(f"{alice.url}/{trigger.id}", body, format="json")


def test_the_fields_are_kept_as_given_and_in_the_revision(alice: Person) -> None:
    given = {
        "overlap_policy": "buffer_one",
        "fire_limit": {"max": 5, "window": "1h"},
        "auto_pause_after_failures": 3,
    }
    answer = patch(alice, make(alice), given)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in given} == given
    document = Revision.objects.latest("number").document
    assert document is not None
    assert {name: document[name] for name in given} == given


def test_null_takes_a_limit_away(alice: Person) -> None:
    trigger = make(alice, fire_limit={"max": 1, "window": "1h"}, auto_pause_after_failures=1)
    answer = patch(alice, trigger, {"fire_limit": None, "auto_pause_after_failures": None})
    assert (answer.json()["fire_limit"], answer.json()["auto_pause_after_failures"]) == (None, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"overlap_policy": "queue"}, "/overlap_policy"),
        ({"overlap_policy": None}, "/overlap_policy"),
        ({"fire_limit": 5}, "/fire_limit"),
        ({"fire_limit": {"max": 0, "window": "1h"}}, "/fire_limit/max"),
        ({"fire_limit": {"max": 5, "window": "an hour"}}, "/fire_limit/window"),
        ({"fire_limit": {"max": 5, "window": "1h", "a/b": 1}}, "/fire_limit/a~1b"),
        ({"auto_pause_after_failures": 0}, "/auto_pause_after_failures"),
        ({"auto_pause_after_failures": "3"}, "/auto_pause_after_failures"),
    ],
)
def test_what_is_wrong_is_refused_where_it_is(
    alice: Person, body: dict[str, Any], pointer: str
) -> None:
    answer = patch(alice, make(alice), body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_call_beyond_the_limit_answers_429_with_retry_after(alice: Person) -> None:
    trigger = make(alice, fire_limit={"max": 1, "window": "1h"})
    url = f"{alice.url}/{trigger.id}/fire"
    assert alice.client.post(url).status_code == 200
    answer = alice.client.post(url)
    assert answer.status_code == 429
    assert 3590 <= int(answer["Retry-After"]) <= 3600
    assert answer.json()["errors"][0]["code"] == "fire_limit"
    fires = alice.client.get(f"{alice.url}/{trigger.id}/fires").json()["items"]
    assert [fire["outcome"] for fire in fires] == ["limited", "fired"]
    dry = alice.client.post(url, {"dry_run": True}, format="json")
    assert (dry.status_code, dry.json()["status"]) == (200, "dry_run")


def test_a_disabled_action_still_answers_409(alice: Person) -> None:
    trigger = make(alice, action__enabled=False, overlap_policy="skip")
    answer = alice.client.post(f"{alice.url}/{trigger.id}/fire")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "action_disabled")


def test_a_stranger_and_a_reader_change_no_policy(
    alice: Person, bob: Person, charlie: Person
) -> None:
    trigger = make(alice)
    for person, status in ((bob, 403), (charlie, 404)):
        url = f"{person.url}/{trigger.id}"
        body = {"overlap_policy": "skip"}
        assert person.client.patch(url, body, format="json").status_code == status
