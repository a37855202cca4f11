"""What every kind must be, ours and those of others."""

import threading
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from actions import kinds
from actions.kinds import KINDS, find_kind, find_kind_problem, load_kinds
from actions.kinds.base import (
    ActionCall,
    ChecksConfig,
    ChecksSecrets,
    Completed,
    Delegated,
    Describes,
    Failed,
    Kind,
    Outcome,
)
from actions.kinds.noop import Noop
from actions.rules.json_values import find_storage_problem
from actions.rules.retry import RetryPolicy
from actions.rules.schemas import find_schema_errors
from events.services import list_events
from tests.actions.factories import build_call
from tests.actions.sink import Sink
from tests.factories import WorkspaceFactory

# A config that works, one that fails, and whether that failure is worth a retry. A kind without an
# entry fails the suite.
SOUND: dict[str, dict[str, Any]] = {
    "http_request": {"method": "POST", "url": "{sink}/ok", "body": {"a": 1}},
    "emit_event": {"event_type": "test.happened", "data": {"a": 1}},
    "noop": {},
    "schedule_outbound_call": {},
}
# The input that goes with it, where a kind needs one.
SOUND_INPUT: dict[str, dict[str, Any]] = {
    "schedule_outbound_call": {"phone_to": "+14155550100"},
}
FAILING: dict[str, tuple[dict[str, Any], bool]] = {
    "http_request": ({"url": "http://127.0.0.1:1/"}, True),
    "emit_event": ({"event_type": "not a type"}, False),
}
every_kind = pytest.mark.parametrize(("action_type", "kind"), list(KINDS.items()), ids=list(KINDS))


def build_config(config: Mapping[str, Any], sink: Sink) -> dict[str, Any]:
    return {
        name: value.replace("{sink}", sink.url) if isinstance(value, str) else value
        for name, value in config.items()
    }


def build_sound_call(action_type: str, sink: Sink, **changes: Any) -> ActionCall:
    if KINDS[action_type].uses_database:
        changes["workspace_id"] = WorkspaceFactory.create().pk
    return build_call(
        action_type,
        config=build_config(SOUND[action_type], sink),
        input=SOUND_INPUT.get(action_type, {}),
        **changes,
    )


@every_kind
def test_a_kind_has_all_that_is_asked_for(action_type: str, kind: Kind) -> None:
    assert find_kind_problem(kind) is None
    assert action_type in SOUND
    assert kind.default_retry == RetryPolicy("backoff", 3, 2.0, 600.0)


@every_kind
def test_the_schema_takes_a_sound_config_and_no_unknown_member(
    action_type: str, kind: Kind, sink: Sink
) -> None:
    config = build_config(SOUND[action_type], sink)
    assert find_schema_errors(kind.config_schema, config) == []
    unknown = {**config, "surprise": 1}
    assert [error.pointer for error in find_schema_errors(kind.config_schema, unknown)] == [
        "/surprise"
    ]
    if isinstance(kind, ChecksConfig):
        assert kind.check_config(config) == []


@every_kind
@pytest.mark.django_db
@pytest.mark.usefixtures("private_targets")
def test_a_sound_call_completes_with_an_output_that_can_be_stored(
    action_type: str, kind: Kind, sink: Sink
) -> None:
    outcome = kind.perform(build_sound_call(action_type, sink))
    assert isinstance(outcome, Completed)
    assert find_storage_problem(outcome.output, max_bytes=100_000) is None


@every_kind
@pytest.mark.django_db
@pytest.mark.usefixtures("private_targets")
def test_a_failure_says_whether_it_is_worth_a_retry(action_type: str, kind: Kind) -> None:
    if action_type not in FAILING:
        return
    config, is_retryable = FAILING[action_type]
    outcome = kind.perform(build_call(action_type, config=config))
    assert isinstance(outcome, Failed)
    assert outcome.retryable is is_retryable
    assert outcome.code
    assert outcome.message


@every_kind
@pytest.mark.django_db
@pytest.mark.usefixtures("private_targets")
@pytest.mark.parametrize(
    "config",
    [{}, {"url": 5, "event_type": 5}, {"url": None, "event_type": None, "data": [1]},
     {"url": "{{", "event_type": "a\x00", "headers": "x", "query": [1], "success_statuses": None}],
)  # fmt: skip
def test_whatever_was_rendered_an_outcome_of_the_closed_set_comes_back(
    action_type: str, kind: Kind, config: dict[str, Any]
) -> None:
    outcome = kind.perform(build_call(action_type, config=config))
    assert isinstance(outcome, Completed | Failed | Delegated)
    assert not isinstance(outcome, Failed) or not outcome.retryable


@every_kind
@pytest.mark.django_db
@pytest.mark.usefixtures("private_targets")
def test_a_kind_ends_inside_its_deadline(action_type: str, kind: Kind, sink: Sink) -> None:
    sink.wait_seconds = 3
    started = time.monotonic()
    kind.perform(build_sound_call(action_type, sink, timeout_seconds=0.3))
    assert time.monotonic() - started < 1


@every_kind
@pytest.mark.django_db
@pytest.mark.usefixtures("private_targets")
def test_a_second_call_carries_the_same_idempotency_key(
    action_type: str, kind: Kind, sink: Sink
) -> None:
    call = build_sound_call(action_type, sink)
    outcomes = [kind.perform(call), kind.perform(call)]
    assert all(isinstance(outcome, Completed) for outcome in outcomes)
    keys = {received.headers["Idempotency-Key"] for received in sink.received}
    assert keys <= {str(call.run_id)}
    events = list_events(call.workspace_id)
    assert {event.run_id for event in events} <= {call.run_id}


@every_kind
@pytest.mark.django_db
def test_a_description_does_nothing_and_holds_no_secret(
    action_type: str, kind: Kind, sink: Sink
) -> None:
    if not isinstance(kind, Describes):
        return
    secrets = (
        {"headers": {"Authorization": "s3cret-token"}} if isinstance(kind, ChecksSecrets) else {}
    )
    call = build_sound_call(action_type, sink, secrets=secrets)
    assert "s3cret" not in repr(call)
    assert "s3cret" not in repr(kind.describe(call))
    assert sink.received == []


# ── Kinds of other distributions ─────────────────────────────────────────────────────────────────


class Shout:
    """A kind as a stranger would write it."""

    name = "Shout"
    description = "Loudly."
    queue = "network"
    default_retry = RetryPolicy("none", 0, 1, 1)
    config_schema: Mapping[str, Any] = {"type": "object"}
    input_schema: Mapping[str, Any] = {"type": "object"}
    uses_database = False

    def perform(self, call: Any) -> Outcome:
        return Completed({"said": str(call.input.get("word")).upper()})


class Mute(Shout):
    perform = None  # type: ignore[assignment]


class NoQueue(Shout):
    queue = "fast"


class BadSchema(Shout):
    config_schema: Mapping[str, Any] = {"type": "nonsense"}


class Nameless(Shout):
    name = None  # type: ignore[assignment]


class Explosive(Shout):
    def __init__(self) -> None:
        raise RuntimeError("no")


shout = Shout()


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    offered: list[EntryPoint] = []
    monkeypatch.setattr(kinds, "entry_points", lambda group: offered)
    load_kinds.cache_clear()
    yield offered
    load_kinds.cache_clear()


def offer(plugins: list[EntryPoint], name: str, target: str) -> None:
    plugins.append(EntryPoint(name, f"{__name__}:{target}", kinds.ENTRY_POINT_GROUP))


def test_kinds_plug_in_as_classes_and_as_instances(plugins: list[EntryPoint]) -> None:
    offer(plugins, "shout", "Shout")
    offer(plugins, "shout_too", "shout")
    assert list(load_kinds()) == [*KINDS, "shout", "shout_too"]
    found = find_kind("shout")
    assert found is not None
    assert found.perform(build_call(input={"word": "hi"})) == Completed({"said": "HI"})


def test_a_plug_in_never_replaces_a_kind_of_ours(
    plugins: list[EntryPoint], caplog: pytest.LogCaptureFixture
) -> None:
    offer(plugins, "noop", "Shout")
    assert isinstance(find_kind("noop"), Noop)
    assert "the name is taken" in caplog.text


@pytest.mark.parametrize(
    "target", ["Mute", "NoQueue", "BadSchema", "Nameless", "Explosive", "NotThere", "__name__"]
)
def test_a_broken_plug_in_is_logged_and_left_out(
    plugins: list[EntryPoint], caplog: pytest.LogCaptureFixture, target: str
) -> None:
    offer(plugins, "broken", target)
    offer(plugins, "shout", "Shout")
    assert find_kind("broken") is None
    assert find_kind("shout") is not None
    assert "broken" in caplog.text


def test_plug_ins_are_read_once_and_not_at_import(plugins: list[EntryPoint]) -> None:
    assert find_kind("shout") is None
    offer(plugins, "shout", "Shout")
    assert find_kind("shout") is None
    load_kinds.cache_clear()
    assert find_kind("shout") is not None


def test_loading_from_many_threads_gives_each_of_them_all_kinds(plugins: list[EntryPoint]) -> None:
    offer(plugins, "shout", "Shout")
    seen: list[list[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(list(load_kinds()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[*KINDS, "shout"]] * 8
