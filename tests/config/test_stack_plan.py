"""What a stack is to be: addresses, ports, the data folder, the programs and what they are told."""

import socket
from pathlib import Path

import pytest

from config.stack import paths, programs
from config.stack.errors import StackError
from config.stack.plan import Plan, build_environment, open_data_dir, probe_port, read_plan


def _read_plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **env: str) -> Plan:
    for name in ("PORT", "CLOCKHOOK_HOST", "DATABASE_URL", "REDIS_URL", "CLOCKHOOK_NO_USERNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return read_plan(tmp_path, is_disposable=False)


@pytest.mark.parametrize("port", ["no", "0", "65536", "-1", "8000.0"])
def test_a_port_that_is_none_is_one_sentence(
    port: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(StackError, match="is no port number"):
        _read_plan(monkeypatch, tmp_path, PORT=port)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),  # noqa: S104 - what a person may set
        ("::", "http://[::1]:8000"),
        ("localhost", "http://127.0.0.1:8000"),
    ],
)
def test_the_base_url_is_one_that_this_machine_can_call(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert _read_plan(monkeypatch, tmp_path, CLOCKHOOK_HOST=host).base_url == url


def test_children_know_their_stack_and_take_time_zones_from_one_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env = build_environment(_read_plan(monkeypatch, tmp_path, PORT="8123"))

    assert env["CLOCKHOOK_DATA"] == str(tmp_path)
    assert env["CLOCKHOOK_STACK"] == paths.name_stack(tmp_path)
    assert (env["PORT"], env["PYTHONTZPATH"]) == ("8123", "")


def test_a_port_that_is_shared_in_silence_counts_as_busy() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"Port {port} on 127.0.0.1 cannot be used"):
            probe_port("127.0.0.1", port)
    probe_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "999.1.1.1", "a b"])
def test_a_host_that_is_none_is_one_sentence(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(StackError, match="which is no host"):
        _read_plan(monkeypatch, tmp_path, CLOCKHOOK_HOST=host)


def test_an_address_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(StackError, match="cannot be used"):
        probe_port("192.0.2.1", 8000)


def test_a_data_folder_below_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StackError, match="cannot be made"):
        open_data_dir(tmp_path / "file" / "data")


def test_programs_are_told_their_role_and_their_slots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = _read_plan(monkeypatch, tmp_path)
    env = {"DATABASE_URL": "postgresql://", "REDIS_URL": "redis://"}

    specs = {spec.name: spec for spec in programs.list_programs(plan, env)}

    assert list(specs) == ["web", "beat", "instant", "network"]
    roles = {name: (s.env["CLOCKHOOK_ROLE"], s.env["CLOCKHOOK_SLOTS"]) for name, s in specs.items()}
    assert roles == {
        "web": ("web", "8"),
        "beat": ("beat", "2"),
        "instant": ("worker", "2"),
        "network": ("worker", "16"),
    }
    assert "triggers.scheduler:TriggerScheduler" in specs["beat"].command


@pytest.mark.parametrize(("cores", "processes"), [(0, 1), (1, 1), (2, 2), (8, 8), (64, 8)])
def test_there_is_a_web_process_for_each_core_within_reason(cores: int, processes: int) -> None:
    assert programs.count_web_processes(cores) == processes
