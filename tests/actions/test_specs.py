"""Actions read: specs, lists, inputs checked, policies chosen."""

import uuid

import pytest
from pytest_django import DjangoAssertNumQueries

from actions.rules.retry import DEFAULT_RETRY, InvalidRetry, RetryPolicy
from actions.services import (
    InputRefused,
    check_input,
    choose_run_retry,
    list_actions,
    load_actions,
)
from tests.actions.factories import (
    load_spec,
)
from tests.factories import ActionFactory, WorkspaceFactory
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
SCHEMA = {"type": "object", "required": ["phone"], "properties": {"phone": {"type": "string"}}}


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


class TestReading:
    def test_actions_are_loaded_in_one_query_and_unknown_ids_are_left_out(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        actions = [
            ActionFactory.create(enabled=False),
            ActionFactory.create(retry={"max_retries": 1}),
        ]
        with django_assert_num_queries(1):
            specs = load_actions([*(action.pk for action in actions), uuid.uuid4()])
        assert set(specs) == {action.pk for action in actions}
        spec = specs[actions[1].pk]
        assert (spec.queue, spec.enabled) == ("instant", True)
        assert spec.workspace_slug == actions[1].workspace.slug
        assert spec.retry == RetryPolicy("backoff", 1, 2.0, 600.0)
        assert specs[actions[0].pk].retry == DEFAULT_RETRY

    def test_an_action_whose_kind_is_gone_still_loads(self) -> None:
        spec = load_spec(ActionFactory.create(action_type="vanished"))
        assert (spec.queue, spec.retry) == ("network", DEFAULT_RETRY)
        check_input(spec, {"any": "thing"})
        assert choose_run_retry(spec, None) == DEFAULT_RETRY

    def test_lists_are_filtered_by_type_state_and_text(self, workspace: Workspace) -> None:
        call = ActionFactory.create(workspace=workspace, name="Call Ada", external_key="phone")
        mail = ActionFactory.create(
            workspace=workspace, name="Mail", action_type="emit_event", enabled=False
        )
        ActionFactory.create(name="Call elsewhere")
        assert set(list_actions(workspace.pk)) == {call, mail}
        assert list(list_actions(workspace.pk, action_type="noop")) == [call]
        assert list(list_actions(workspace.pk, enabled=False)) == [mail]
        assert list(list_actions(workspace.pk, query="ADA")) == [call]
        assert list(list_actions(workspace.pk, query="phon")) == [call]
        assert not list_actions(workspace.pk, query="100%")


class TestInputsAndPolicies:
    def test_an_input_that_breaks_the_schema_is_refused_with_pointers(self) -> None:
        spec = load_spec(ActionFactory.create(input_schema=SCHEMA))
        check_input(spec, {"phone": "+1"})
        with pytest.raises(InputRefused) as refusal:
            check_input(spec, {"phone": 1})
        assert [error.pointer for error in refusal.value.errors] == ["/phone"]

    def test_the_triggers_policy_wins_over_the_actions_over_the_kinds(self) -> None:
        plain = load_spec(ActionFactory.create())
        own = load_spec(ActionFactory.create(retry={"strategy": "none"}))
        assert choose_run_retry(plain, None) == DEFAULT_RETRY
        assert choose_run_retry(own, None).strategy == "none"
        assert choose_run_retry(own, {"max_retries": 7}) == RetryPolicy("backoff", 7, 2.0, 600.0)
        with pytest.raises(InvalidRetry):
            choose_run_retry(own, {"max_retries": 99})
