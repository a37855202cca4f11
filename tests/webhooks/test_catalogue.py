"""What can fire a trigger, by HTTP."""

import pytest
from jsonschema import Draft202012Validator

from tests.clients import open_door
from tests.factories import WorkspaceFactory
from webhooks.providers import PROVIDERS

pytestmark = pytest.mark.django_db


def test_the_schedule_events_and_every_preset_are_listed() -> None:
    workspace = WorkspaceFactory.create()
    answer = open_door(workspace.pk, "triggers:read").get(f"/v1/{workspace.pk}/providers")
    assert answer.status_code == 200
    providers = answer.json()
    assert [one["provider_id"] for one in providers] == ["schedule", "event", *PROVIDERS]
    for one in providers:
        assert one.keys() == {
            "provider_id",
            "name",
            "description",
            "trigger_type",
            "webhook_enabled",
            "config_schema",
        }
        assert one["name"]
        assert one["description"]
        assert one["webhook_enabled"] is (one["trigger_type"] == "webhook")
        Draft202012Validator.check_schema(one["config_schema"])
    types = {one["trigger_type"] for one in providers}
    assert types == {"schedule", "event", "webhook"}


def test_a_preset_says_what_turns_it_on() -> None:
    workspace = WorkspaceFactory.create()
    providers = open_door(workspace.pk, "*").get(f"/v1/{workspace.pk}/providers").json()
    schemas = {one["provider_id"]: one["config_schema"] for one in providers}
    is_valid = Draft202012Validator(schemas["clockhook"]).is_valid
    assert is_valid({"verification": {"preset": "clockhook"}})
    assert not is_valid({"verification": {"preset": "other"}})
    assert not is_valid({})
    schedule = Draft202012Validator(schemas["schedule"]).is_valid
    assert schedule({"schedule": "@daily", "timezone": "Europe/Berlin"})
    assert not schedule({"timezone": "Europe/Berlin"})


def test_it_needs_the_scope_and_the_workspace() -> None:
    workspace, other = WorkspaceFactory.create(), WorkspaceFactory.create()
    path = f"/v1/{workspace.pk}/providers"
    assert open_door(workspace.pk, "runs:read").get(path).status_code == 403
    assert open_door(other.pk, "*").get(path).status_code == 404
