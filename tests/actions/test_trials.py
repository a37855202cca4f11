"""Trying an action out: a plan, or one attempt of which nothing stays."""

import threading
from typing import Any

import pytest
from django.db import connection

from actions.kinds.base import ActionCall, Completed, Delegated, Outcome
from actions.services import plan_action, try_action
from actions.services.writing import update_action
from events.services import list_events
from tests.actions.factories import NOW, build_caller
from tests.actions.scripted import Scripted
from tests.actions.sink import Sink
from tests.factories import ActionFactory
from workspaces.rules.problems import Unprocessable

pytestmark = pytest.mark.django_db


class TestTrials:
    def plan(self, action: Any, **changes: Any) -> Any:
        values = {"input": {}, "caller": build_caller(), "now": NOW, **changes}
        return plan_action(workspace_id=action.workspace_id, action_id=action.pk, **values)

    def try_(self, action: Any, **changes: Any) -> Any:
        values = {"input": {}, "caller": build_caller(), "now": NOW, **changes}
        return try_action(workspace_id=action.workspace_id, action_id=action.pk, **values)

    def test_a_plan_shows_the_rendered_config_and_does_nothing(self) -> None:
        config = {"event_type": "contact.{{ input.kind }}", "data": "{{ input }}"}
        action = ActionFactory.create(action_type="emit_event", config=config)
        plan = self.plan(action, input={"kind": "created"})
        assert plan.config == {"event_type": "contact.created", "data": {"kind": "created"}}
        assert plan.description["event_type"] == "contact.created"
        assert not list_events(action.workspace_id)

    def test_a_plan_of_a_kind_that_describes_nothing_shows_the_config(self) -> None:
        plan = self.plan(ActionFactory.create(), input={"a": 1})
        assert (plan.input, plan.config, plan.description) == ({"a": 1}, {}, None)

    def test_a_refused_input_is_pointed_at_below_input(self) -> None:
        action = ActionFactory.create(input_schema={"required": ["phone"]})
        for verb in (self.plan, self.try_):
            with pytest.raises(Unprocessable) as refusal:
                verb(action)
            assert [error.pointer for error in refusal.value.errors] == ["/input/phone"]

    def test_what_cannot_be_planned_is_refused(self, install: Any) -> None:
        with pytest.raises(Unprocessable, match="no kind"):
            self.plan(ActionFactory.create(action_type="vanished"))
        install(Scripted(Completed({})))
        action = ActionFactory.create(action_type="scripted", config={"a": ["{{ input.a }}"] * 10})
        with pytest.raises(Unprocessable) as refusal:
            self.plan(action, input={"a": "x" * 60_000})
        assert [error.pointer for error in refusal.value.errors] == ["/config"]

    def test_a_trial_of_a_database_kind_is_taken_back(self) -> None:
        action = ActionFactory.create(action_type="emit_event", config={"event_type": "a.b"})
        trial = self.try_(action)
        assert trial.outcome == "completed"
        assert trial.output["event_id"]
        assert not list_events(action.workspace_id)

    @pytest.mark.usefixtures("private_targets")
    def test_a_trial_sends_the_request_with_the_secrets(self, sink: Sink) -> None:
        action = ActionFactory.create(action_type="http_request", config={"url": f"{sink.url}/"})
        update_action(
            workspace_id=action.workspace_id,
            action_id=action.pk,
            fields={"secret_config": {"headers": {"Authorization": "Bearer hunter2"}}},
            caller=build_caller(),
            now=NOW,
        )
        trial = self.try_(action)
        assert (trial.outcome, trial.output["status"], trial.error) == ("completed", 200, None)
        assert sink.received[0].headers["Authorization"] == "Bearer hunter2"
        assert "hunter2" not in repr(self.plan(action))

    @pytest.mark.usefixtures("public_targets_only")
    def test_a_failed_trial_shows_its_error(self) -> None:
        action = ActionFactory.create(
            action_type="http_request", config={"url": "http://127.0.0.1/"}
        )
        trial = self.try_(action)
        assert (trial.outcome, trial.output) == ("failed", None)
        assert trial.error["code"] == "target_refused"

    def test_a_trial_lasts_ten_seconds_at_most(self, install: Any) -> None:
        kind = install(Scripted(Delegated(60, {})))
        assert (
            self.try_(ActionFactory.create(action_type="scripted", timeout_seconds=900)).outcome
            == "delegated"
        )
        self.try_(ActionFactory.create(action_type="scripted", timeout_seconds=0.5))
        assert [call.timeout_seconds for call in kind.calls] == [10, 0.5]

    def test_a_trial_of_a_kind_that_is_gone_fails(self) -> None:
        assert (
            self.try_(ActionFactory.create(action_type="vanished")).error["code"]
            == "unknown_action_type"
        )


@pytest.mark.django_db(transaction=True)
def test_a_trial_that_waits_holds_no_connection(install: Any) -> None:
    held: list[bool] = []

    def look(_: ActionCall) -> Outcome:
        held.append(connection.connection is not None)
        return Completed({})

    install(Scripted(look))
    action = ActionFactory.create(action_type="scripted")
    try_action(
        workspace_id=action.workspace_id,
        action_id=action.pk,
        input={},
        caller=build_caller(),
        now=NOW,
    )
    assert held == [False]
    assert threading.active_count() >= 1
