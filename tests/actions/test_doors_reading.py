"""The API of actions: lists, types, tests."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.actions.conftest import Person
from tests.actions.doors import create, list_pointers, send
from tests.actions.sink import Sink
from tests.factories import ActionFactory

pytestmark = pytest.mark.django_db


class TestLists:
    def test_lists_are_newest_first_filtered_and_paged(
        self, alice: Person, charlie: Person
    ) -> None:
        create(charlie)
        names = [create(alice, name=f"Action {n}", enabled=n % 2 == 0)["name"] for n in range(4)]
        page = alice.client.get(alice.url, {"limit": "3", "include_total": "true"}).json()
        assert [item["name"] for item in page["items"]] == names[:0:-1]
        assert (page["has_more"], page["total"]) == (True, 4)
        rest = alice.client.get(alice.url, {"limit": 3, "cursor": page["next_cursor"]}).json()
        assert [item["name"] for item in rest["items"]] == names[:1]
        filters: list[tuple[dict[str, str], int]] = [
            ({"enabled": "true"}, 2),
            ({"q": "action 3"}, 1),
            ({"action_type": "noop"}, 4),
            ({"action_type": "emit_event"}, 0),
        ]
        for query, count in filters:
            assert len(alice.client.get(alice.url, query).json()["items"]) == count

    @pytest.mark.parametrize(
        "query", [{"limit": 101}, {"limit": 0}, {"enabled": "maybe"}, {"q": "x" * 300}]
    )
    def test_parameters_out_of_range_are_422(self, alice: Person, query: dict[str, Any]) -> None:
        response = alice.client.get(alice.url, query)
        assert response.status_code == 422
        assert list_pointers(response)[0][0] == f"/{next(iter(query))}"

    def test_a_list_takes_as_many_queries_for_many_as_for_one(
        self, alice: Person, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        create(alice)
        for expected_items in (1, 9):
            # The key with its workspace, and the page.
            with django_assert_num_queries(2):
                items = alice.client.get(alice.url).json()["items"]
            assert len(items) == expected_items
            ActionFactory.create_batch(8, workspace=alice.workspace)


class TestTesting:
    def test_a_dry_run_is_the_default_and_shows_the_plan(self, alice: Person, sink: Sink) -> None:
        created = create(
            alice,
            action_type="http_request",
            config={
                "url": f"{sink.url}/{{{{ input.id }}}}",
                "body": {"by": "{{ run.triggered_by }}"},
            },
            secret_config={"headers": {"Authorization": "Bearer hunter2"}},
        )
        url = f"{alice.url}/{created['id']}/test"
        response = send(alice.client, "POST", url, {"input": {"id": 7}})
        assert response.status_code == 200
        answer = response.json()
        assert answer["dry_run"] is True
        assert answer["input"] == {"id": 7}
        assert answer["config"]["url"] == f"{sink.url}/7"
        assert answer["plan"]["headers"]["Authorization"] == "***"
        assert answer["plan"]["body"].startswith('{"by":"manual:key:')
        assert "hunter2" not in str(answer)
        assert sink.received == []

    @pytest.mark.usefixtures("private_targets")
    def test_without_dry_run_it_is_done_once(self, alice: Person, sink: Sink) -> None:
        created = create(alice, action_type="http_request", config={"url": sink.url})
        url = f"{alice.url}/{created['id']}/test"
        answer = send(alice.client, "POST", url, {"input": {}, "dry_run": False}).json()
        assert (answer["dry_run"], answer["outcome"], answer["error"]) == (False, "completed", None)
        assert answer["output"]["status"] == 200
        assert len(sink.received) == 1
        sink.status = 404
        failed = send(alice.client, "POST", url, {"dry_run": False})
        assert failed.status_code == 200
        assert failed.json()["outcome"] == "failed"
        assert failed.json()["error"]["code"] == "http_404"

    def test_an_input_that_is_refused_is_pointed_at(self, alice: Person) -> None:
        created = create(alice, input_schema={"properties": {"phone": {"type": "string"}}})
        url = f"{alice.url}/{created['id']}/test"
        response = send(alice.client, "POST", url, {"input": {"phone": 1}})
        assert response.status_code == 422
        assert list_pointers(response) == [("/input/phone", "type")]

    @pytest.mark.parametrize("body", [{"input": []}, {"dry_run": "no"}, {"inputs": {}}])
    def test_a_wrong_body_is_refused(self, alice: Person, body: dict[str, Any]) -> None:
        created = create(alice)
        response = send(alice.client, "POST", f"{alice.url}/{created['id']}/test", body)
        assert response.status_code == 422


def test_action_types_hold_all_that_a_form_needs(alice: Person) -> None:
    items = alice.client.get(f"/v1/{alice.workspace.pk}/action-types").json()["items"]
    by_type = {item["action_type"]: item for item in items}
    assert {"http_request", "emit_event", "noop"} <= set(by_type)
    http_request = by_type["http_request"]
    assert set(http_request) == {
        "action_type", "name", "description", "queue", "config_schema", "input_schema",
        "default_retry",
    }  # fmt: skip
    assert http_request["queue"] == "network"
    assert http_request["config_schema"]["required"] == ["url"]
    assert http_request["default_retry"] == {
        "strategy": "backoff", "max_retries": 3, "base_delay": "2s", "max_delay": "10m",
    }  # fmt: skip
