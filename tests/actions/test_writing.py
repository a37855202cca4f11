"""Actions made, changed and deleted."""

from typing import Any

import pytest
from django.db import IntegrityError

from actions.services import (
    ActionInUse,
    ActionNotFound,
    ExternalKeyTaken,
    create_action,
    find_action,
    list_actions,
    read_action,
)
from actions.services.performing import open_secrets
from tests.actions.factories import (
    NOW,
    build_caller,
    create,
    delete,
    list_revisions,
    load_spec,
    update,
)
from tests.factories import ActionFactory, TriggerFactory, WorkspaceFactory
from workspaces.models import Workspace
from workspaces.rules.problems import Unprocessable

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory.create()


class TestWriting:
    def test_an_action_is_made_with_its_defaults_and_its_maker(self, workspace: Workspace) -> None:
        caller = build_caller()
        action = create_action(
            workspace_id=workspace.pk,
            fields={"name": "Call", "action_type": "noop"},
            caller=caller,
            now=NOW,
        )
        assert action.created_by == str(caller)
        assert (action.config, action.retry, action.timeout_seconds) == ({}, None, 60)
        assert (action.enabled, action.max_concurrency, action.secret_config) == (True, None, None)
        assert action.created_at is not None

    @pytest.mark.parametrize(
        ("fields", "pointers"),
        [
            ({"action_type": "teleport"}, ["/action_type"]),
            ({"action_type": "http_request"}, ["/config/url"]),
            ({"action_type": "emit_event", "config": {}}, ["/config/event_type"]),
            ({"config": {"surprise": 1}}, ["/config/surprise"]),
            ({"config": {"a": "\x00"}}, ["/config"]),
            ({"config": {"a": "x" * 300_000}}, ["/config"]),
            (
                {
                    "action_type": "http_request",
                    "config": {"url": "http://x/{{ y", "headers": {"Host": "x"}},
                },
                ["/config/url", "/config/headers/Host"],
            ),
            ({"action_type": "http_request", "config": {"url": "ftp://x"}}, ["/config/url"]),
            (
                {"action_type": "http_request", "config": {"url": "http://x", "method": "BREW"}},
                ["/config/method"],
            ),
            (
                {
                    "action_type": "http_request",
                    "config": {"url": "http://x", "success_statuses": ["9xx"]},
                },
                ["/config/success_statuses/0"],
            ),
            ({"input_schema": {"type": "objekt"}}, ["/input_schema/type"]),
            ({"input_schema": {"$ref": "https://x"}}, ["/input_schema/$ref"]),
            ({"input_schema": {"title": "x" * 70_000}}, ["/input_schema"]),
            ({"retry": {"max_retries": 99}}, ["/retry/max_retries"]),
            ({"retry": {"base_delay": "soon"}}, ["/retry/base_delay"]),
            ({"retry": {"pause": "1s"}}, ["/retry/pause"]),
            ({"retry": []}, ["/retry"]),
            ({"secret_config": {"token": "x"}}, ["/secret_config"]),
            (
                {
                    "action_type": "http_request",
                    "config": {"url": "http://x"},
                    "secret_config": {"signing_secret": "hunter2"},
                },
                ["/secret_config/signing_secret"],
            ),
            (
                {
                    "action_type": "http_request",
                    "config": {"url": "http://x"},
                    "secret_config": {"headers": {"A": "x" * 70_000}},
                },
                ["/secret_config"],
            ),
            ({"action_type": "teleport", "retry": {"max_retries": 99}, "config": {"a": "{{"}},
             ["/action_type", "/config/a", "/retry/max_retries"]),
        ],
    )  # fmt: skip
    def test_every_problem_is_pointed_at(
        self, workspace: Workspace, fields: dict[str, Any], pointers: list[str]
    ) -> None:
        with pytest.raises(Unprocessable) as refusal:
            create(workspace, **fields)
        assert sorted({error.pointer for error in refusal.value.errors}) == sorted(pointers)
        assert "hunter2" not in str(refusal.value.errors)
        assert not list_actions(workspace.pk).exists()

    def test_config_has_at_least_one_problem_per_field(self, workspace: Workspace) -> None:
        with pytest.raises(Unprocessable) as refusal:
            create(workspace, action_type="http_request", config={"method": 1, "query": 2, "x": 3})
        assert {error.pointer for error in refusal.value.errors} == {
            "/config/url", "/config/method", "/config/query", "/config/x",
        }  # fmt: skip

    def test_a_null_is_not_a_policy_a_schema_or_a_secret(self, workspace: Workspace) -> None:
        action = create(workspace, retry=None, input_schema=None, secret_config=None)
        assert action.secret_config is None

    def test_an_external_key_is_unique_in_its_workspace_alone(self, workspace: Workspace) -> None:
        create(workspace, external_key="call")
        create(WorkspaceFactory.create(), external_key="call")
        with pytest.raises(ExternalKeyTaken) as refusal:
            create(workspace, external_key="call")
        assert [error.pointer for error in refusal.value.errors] == ["/external_key"]
        other = create(workspace)
        with pytest.raises(ExternalKeyTaken):
            update(other, external_key="call")

    def test_another_broken_constraint_is_no_taken_key(self, workspace: Workspace) -> None:
        with pytest.raises(IntegrityError, match="timeout_bounds"):
            create(workspace, timeout_seconds=0.01)

    def test_an_update_changes_what_is_given_and_nothing_else(self, workspace: Workspace) -> None:
        action = create(workspace, description="before", retry={"max_retries": 1})
        updated = update(action, description=None)
        assert (updated.description, updated.retry, updated.name) == (
            None,
            {"max_retries": 1},
            "Call",
        )

    def test_an_actions_type_is_immutable(self, workspace: Workspace) -> None:
        action = create(workspace)
        assert update(action, action_type="noop").action_type == "noop"
        with pytest.raises(Unprocessable) as refusal:
            update(action, action_type="emit_event")
        assert [(error.pointer, error.code) for error in refusal.value.errors] == [
            ("/action_type", "immutable")
        ]

    def test_a_number_that_becomes_a_flag_is_a_change(self, workspace: Workspace) -> None:
        config = {"url": "http://x", "body": {"a": 1}}
        action = create(workspace, action_type="http_request", config=config)
        update(action, config={"url": "http://x", "body": {"a": True}})
        action.refresh_from_db()
        assert action.config["body"]["a"] is True

    def test_secrets_are_stored_encrypted_kept_when_not_given_and_removed_by_null(
        self, workspace: Workspace
    ) -> None:
        secrets = {"headers": {"Authorization": "Bearer hunter2"}}
        action = create(
            workspace,
            action_type="http_request",
            config={"url": "http://x"},
            secret_config=secrets,
        )
        assert b"hunter2" not in bytes(action.secret_config or b"")
        assert "hunter2" not in repr(load_spec(action))
        update(action, name="Renamed")
        spec = load_spec(action)
        assert open_secrets(spec.secret_config) == secrets
        update(action, secret_config=None)
        assert load_spec(action).secret_config is None
        assert "hunter2" not in str(list_revisions(workspace))

    def test_an_action_whose_kind_is_gone_can_still_be_changed(self, workspace: Workspace) -> None:
        action = ActionFactory.create(workspace=workspace, action_type="vanished")
        updated = update(action, enabled=False, config={"any": "thing"}, secret_config={"a": "b"})
        assert updated.enabled is False

    def test_each_change_appends_a_revision_without_secrets(self, workspace: Workspace) -> None:
        action = create(workspace, external_key="call")
        update(action, enabled=False)
        update(action, enabled=False)
        update(action, external_key="phone")
        delete(action)
        revisions = list_revisions(workspace)
        assert [(key, document is None) for key, document in revisions] == [
            ("call", False),
            ("call", False),
            ("call", True),
            ("phone", False),
            ("phone", True),
        ]
        first = revisions[0][1]
        assert first is not None
        assert first["name"] == "Call"
        assert "secret_config" not in first

    def test_without_external_key_the_id_names_the_revision(self, workspace: Workspace) -> None:
        action = create(workspace)
        delete(action)
        assert [key for key, _ in list_revisions(workspace)] == [str(action.pk)] * 2

    def test_an_action_in_use_names_its_users_and_stays(self, workspace: Workspace) -> None:
        action = ActionFactory.create(workspace=workspace)
        triggers = [TriggerFactory.create(workspace=workspace, action=action) for _ in range(12)]
        with pytest.raises(ActionInUse) as refusal:
            delete(action)
        assert triggers[0].name in refusal.value.detail
        assert str(triggers[0].pk) in refusal.value.detail
        assert "and 2 more" in refusal.value.detail
        assert len(refusal.value.errors) == 10
        assert read_action(workspace_id=workspace.pk, action_id=action.pk) == action
        assert list_revisions(workspace) == []

    def test_what_is_elsewhere_is_not_found(self, workspace: Workspace) -> None:
        action = ActionFactory.create()
        for call in (find_action, read_action):
            with pytest.raises(ActionNotFound):
                call(workspace_id=workspace.pk, action_id=action.pk)
        action.workspace = workspace
        with pytest.raises(ActionNotFound):
            update(action, name="Mine")
        with pytest.raises(ActionNotFound):
            delete(action)
