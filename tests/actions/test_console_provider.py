"""The console provider: what it prints, what it remembers, how numbers end."""

import datetime as dt
import json
import signal
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from actions.providers import PROVIDERS, console
from actions.providers.base import CallOrder, CallReport, ProviderError

PROVIDER = PROVIDERS["console"]
ORDER = CallOrder(
    call_id=uuid.uuid4(),
    attempt=1,
    phone_to="+14155550100",
    phone_from=None,
    reason="outbound_intake",
    goal=None,
    now=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
)


@pytest.fixture
def file(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "calls.jsonl"
    settings.CLOCKHOOK_CONSOLE_CALLS_FILE = str(path)
    return path


def test_an_attempt_placed_many_times_at_once_is_one_line(file: Path) -> None:
    with ThreadPoolExecutor(8) as workers:
        sids = set(workers.map(lambda _: PROVIDER.place(ORDER), range(32)))
    assert len(sids) == 1
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["call_id"] == str(ORDER.call_id)
    PROVIDER.place(replace(ORDER, attempt=2))
    assert len(file.read_text().splitlines()) == 2


def test_the_file_tells_whether_an_attempt_was_placed(file: Path) -> None:
    assert PROVIDER.look_up(ORDER) is None
    sid = PROVIDER.place(ORDER)
    assert PROVIDER.look_up(ORDER) == CallReport(sid, "in_progress")
    # Attempt 11 is not attempt 1.
    assert PROVIDER.look_up(replace(ORDER, attempt=11)) is None
    assert PROVIDER.look_up(replace(ORDER, call_sid=sid)) == CallReport(sid, "completed")


def test_without_a_file_nobody_can_tell(settings: Settings) -> None:
    settings.CLOCKHOOK_CONSOLE_CALLS_FILE = ""
    PROVIDER.place(ORDER)
    with pytest.raises(ProviderError) as caught:
        PROVIDER.look_up(ORDER)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("phone_to", "endings"),
    [
        ("+14155550001", ["busy", "busy", "busy"]),
        ("+14155550002", ["busy", "busy", "completed"]),
        ("+14155550004", ["completed", "completed", "completed"]),
        ("+14155550100", ["completed", "completed", "completed"]),
    ],
)
def test_the_number_decides_how_a_call_ends(phone_to: str, endings: list[str]) -> None:
    assert [console.choose_ending(phone_to, attempt) for attempt in (1, 2, 3)] == endings


def test_a_number_can_be_refused_for_good(file: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        PROVIDER.place(replace(ORDER, phone_to="+14155550003"))
    assert not caught.value.retryable
    assert not file.exists()


@pytest.mark.usefixtures("file")
def test_a_deadly_number_kills_its_worker_once(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(
        "actions.providers.console.os.kill", lambda _, number: killed.append(number)
    )
    deadly = replace(ORDER, phone_to="+14155550004")
    PROVIDER.place(deadly)
    PROVIDER.place(deadly)
    PROVIDER.place(replace(deadly, attempt=2))
    assert killed == [signal.SIGKILL]
