"""An attempt through the service: rendered, opened, held to the closed set."""

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from actions.kinds.base import ActionCall, Completed, Delegated, Failed, Outcome
from events.rules.event import NewEvent
from events.services import append_event, list_events
from tests.actions.factories import perform
from tests.actions.scripted import Scripted
from tests.factories import ActionFactory
from workspaces.services import encrypt_secret, new_id

pytestmark = pytest.mark.django_db


def write_event(call: ActionCall) -> None:
    append_event(
        NewEvent(
            id=new_id(),
            workspace_id=call.workspace_id,
            event_type="test.written",
            source="AUTOMATION",
            entity_type="run",
            entity_id=call.run_id,
            data={},
            effective_at=call.now,
        )
    )


def test_noop_returns_its_input() -> None:
    assert perform(ActionFactory.create(), input={"a": [1]}) == Completed({"a": [1]})


def test_the_config_is_rendered_with_input_run_trigger_and_workspace(install: Any) -> None:
    kind = install(Scripted(Completed({})))
    config = {
        "input": "{{ input.name }} {{ input.evil }}",
        "run": "{{ run }}",
        "trigger": "{{ trigger }}",
        "workspace": "{{ workspace.slug }}/{{ workspace.name }}/{{ workspace.id }}",
        "nothing": "{{ secrets.token }}",
    }
    action = ActionFactory.create(action_type="scripted", config=config)
    run_id, trigger_id, chain_id = new_id(), new_id(), new_id()
    perform(
        action,
        run_id=run_id,
        trigger_id=trigger_id,
        chain_id=chain_id,
        attempt=2,
        input={"name": "Ada", "evil": "{{ run.id }}"},
        scheduled_for=dt.datetime(2026, 11, 24, 9, tzinfo=dt.UTC),
        trigger={"name": "Nightly"},
    )
    (call,) = kind.calls
    workspace = action.workspace
    assert call.config == {
        "input": "Ada {{ run.id }}",
        "run": {
            "id": str(run_id),
            "attempt": 2,
            "trigger_id": str(trigger_id),
            "chain_id": str(chain_id),
            "scheduled_for": "2026-11-24T09:00:00Z",
            "triggered_by": "schedule",
        },
        "trigger": {"id": str(trigger_id), "name": "Nightly"},
        "workspace": f"{workspace.slug}/{workspace.name}/{workspace.pk}",
        "nothing": None,
    }
    assert call.timeout_seconds == action.timeout_seconds


def test_a_run_without_trigger_renders_nothing_for_it(install: Any) -> None:
    kind = install(Scripted(Completed({})))
    action = ActionFactory.create(
        action_type="scripted", config={"a": "{{ trigger.id }}", "b": "[{{ run.trigger_id }}]"}
    )
    perform(action, trigger_id=None, workspace={"name": "Given"}, timeout_seconds=1.5)
    assert kind.calls[0].config == {"a": None, "b": "[]"}
    assert kind.calls[0].timeout_seconds == 1.5


def test_secrets_are_opened_for_the_kind_alone(install: Any) -> None:
    kind = install(Scripted(Completed({})))
    action = ActionFactory.create(
        action_type="scripted", secret_config=encrypt_secret('{"token": "hunter2"}')
    )
    perform(action)
    assert kind.calls[0].secrets == {"token": "hunter2"}


def test_secrets_that_no_key_opens_are_a_failure() -> None:
    outcome = perform(ActionFactory.create(secret_config=b"garbage"))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("secrets_unreadable", True)


def test_an_unknown_type_fails_for_good() -> None:
    outcome = perform(ActionFactory.create(action_type="vanished"))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("unknown_action_type", False)


def test_a_config_that_renders_too_large_fails_for_good(install: Any) -> None:
    install(Scripted(Completed({})))
    action = ActionFactory.create(action_type="scripted", config={"a": ["{{ input.a }}"] * 10})
    outcome = perform(action, input={"a": "x" * 60_000})
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("config_render_failed", False)


@pytest.mark.parametrize("uses_database", [True, False])
def test_an_exception_is_logged_and_is_a_retryable_failure(
    install: Any, uses_database: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(_: ActionCall) -> Outcome:
        raise RuntimeError("the secret is hunter2")

    install(Scripted(explode, uses_database=uses_database))
    outcome = perform(ActionFactory.create(action_type="scripted"))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("internal", True)
    assert "hunter2" not in outcome.message
    assert "action_raised" in caplog.text


@pytest.mark.parametrize("outcome", [None, "done", {"output": 1}, True])
def test_an_answer_outside_the_closed_set_is_a_failure(install: Any, outcome: Any) -> None:
    install(Scripted(outcome))
    result = perform(ActionFactory.create(action_type="scripted"))
    assert isinstance(result, Failed)
    assert result.code == "internal"


@pytest.mark.parametrize(
    "outcome",
    [
        Completed({"a": "\x00"}),
        Completed({"a": float("nan")}),
        Completed({"a": "x" * 300_000}),
        Delegated(60, {"a": "\ud800"}),
    ],
)
def test_an_output_that_cannot_be_kept_fails_for_good(install: Any, outcome: Outcome) -> None:
    install(Scripted(outcome))
    result = perform(ActionFactory.create(action_type="scripted"))
    assert isinstance(result, Failed)
    assert (result.code, result.retryable) == ("invalid_output", False)


def test_a_delegation_is_handed_on(install: Any) -> None:
    install(Scripted(Delegated(60, {"job": 1})))
    assert perform(ActionFactory.create(action_type="scripted")) == Delegated(60, {"job": 1})


@pytest.mark.parametrize("ends", ["raises", "fails", "breaks_the_statement"])
def test_an_attempt_that_fails_leaves_nothing_and_the_transaction_goes_on(
    install: Any, ends: str
) -> None:
    def write_and_end(call: ActionCall) -> Outcome:
        write_event(call)
        if ends == "raises":
            raise RuntimeError
        if ends == "breaks_the_statement":
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return Failed("no", "no", retryable=True)

    install(Scripted(write_and_end, uses_database=True))
    action = ActionFactory.create(action_type="scripted")
    with transaction.atomic():
        assert isinstance(perform(action), Failed)
        action.refresh_from_db()
    assert not list_events(action.workspace_id)


def test_what_a_good_attempt_writes_is_kept(install: Any) -> None:
    def write(call: ActionCall) -> Outcome:
        write_event(call)
        return Completed({})

    install(Scripted(write, uses_database=True))
    action = ActionFactory.create(action_type="scripted")
    perform(action)
    assert len(list_events(action.workspace_id)) == 1


def test_a_lost_transaction_is_told_to_the_caller(install: Any) -> None:
    def lose(_: ActionCall) -> Outcome:
        # As after a lost connection: the savepoint cannot be rolled back to.
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
        raise OperationalError("the connection is lost")

    install(Scripted(lose, uses_database=True))
    action = ActionFactory.create(action_type="scripted")
    with pytest.raises(DatabaseError):
        perform(action)
    connection.set_rollback(True)
