"""Real processes: what dies comes back, what is stopped is gone, what was left behind is healed."""

import os
import signal
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.config.stacks import Stack, is_alive, pick_port, wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]
MakeStack = Callable[..., Stack]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


def test_a_stack_runs_below_a_long_path_with_spaces(make_stack: MakeStack, tmp_path: Path) -> None:
    folder = tmp_path / "a folder, with spaces" / ("long" * 30) / 'and a "quote"'
    stack = make_stack(folder).start()
    stack.wait_ready()

    assert stack.query("SELECT current_setting('fsync')") == "on"
    assert stack.query("SELECT current_setting('listen_addresses')") == ""
    notes = stack.read_notes()
    assert notes["base_url"] == f"http://127.0.0.1:{stack.port}"
    assert notes["pid"] == stack.process.pid if stack.process else 0
    assert stat.S_IMODE((folder / "stack.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_sigterm_stops_everything_within_15_seconds(make_stack: MakeStack) -> None:
    stack = make_stack().start()
    stack.wait_ready()
    start = time.monotonic()

    assert stack.stop(signal.SIGTERM) == 0

    assert time.monotonic() - start < 15
    assert stack.find_processes() == []
    assert not (stack.data_dir / "stack.json").exists()


def test_ctrl_c_ends_a_child_that_does_not_want_to(make_stack: MakeStack) -> None:
    stack = make_stack(is_whole=False).start("stubborn")
    stack.wait_ready()
    start = time.monotonic()

    assert stack.stop(signal.SIGINT) == 0

    assert time.monotonic() - start < 15
    assert stack.find_processes() == []
    assert "web did not stop in time" in stack.read_output()


def test_a_stop_during_the_start_is_obeyed(make_stack: MakeStack) -> None:
    stack = make_stack().start()
    wait_for((stack.data_dir / "postgres.new").exists)

    assert stack.stop(signal.SIGTERM) == 0

    assert stack.find_processes() == []


def test_a_killed_child_is_back_within_3_seconds_and_its_workers_go_with_it(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(is_whole=False).start()
    stack.wait_ready()
    worker = stack.ask_web()
    leader = os.getpgid(worker)

    os.kill(leader, signal.SIGKILL)

    assert wait_for(lambda: stack.ask_web() not in {0, worker}, seconds=3) < 3
    assert not is_alive(worker)
    assert "web died (SIGKILL): starting it again." in stack.read_output()


def test_a_child_that_keeps_dying_is_started_less_and_less_often(make_stack: MakeStack) -> None:
    stack = make_stack(is_whole=False).start()
    stack.wait_ready()
    for _ in range(3):
        wait_for(stack.ask_web)
        os.kill(os.getpgid(stack.ask_web()), signal.SIGKILL)
        wait_for(lambda: stack.ask_web() == 0)

    wait_for(lambda: "web died (SIGKILL): again in 1 s." in stack.read_output())
    wait_for(stack.ask_web)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_service_is_back_within_3_seconds(make_stack: MakeStack, name: str) -> None:
    stack = make_stack().start()
    stack.wait_ready()
    stack.query("CREATE TABLE kept AS SELECT 1 AS n")
    server = stack.find_server(name)

    os.kill(server, signal.SIGKILL)

    wait_for(lambda: not is_alive(server))
    wait_for(lambda: _serves(stack, name), seconds=3)
    assert stack.query("SELECT n FROM kept") == 1


def _serves(stack: Stack, name: str) -> bool:
    try:
        return stack.find_server(name) > 0 and stack.query("SELECT true")
    except (ValueError, psycopg.OperationalError):
        return False


def test_children_die_with_a_killed_supervisor_and_the_next_start_heals(
    make_stack: MakeStack,
) -> None:
    stack = make_stack().start()
    stack.wait_ready()
    stack.query("CREATE TABLE kept AS SELECT 1 AS n")

    stack.stop(signal.SIGKILL)

    wait_for(lambda: not stack.find_processes(), seconds=10)
    stack.forget_output()
    stack.start().wait_ready()
    assert stack.query("SELECT n FROM kept") == 1


def test_leftovers_that_outlive_a_killed_supervisor_are_ended_by_the_next_start(
    make_stack: MakeStack,
) -> None:
    stack = make_stack(is_whole=False).start("stubborn")
    stack.wait_ready()
    worker = stack.ask_web()

    stack.stop(signal.SIGKILL)
    time.sleep(0.2)
    assert is_alive(worker)
    stack.forget_output()
    stack.start().wait_ready()

    assert not is_alive(worker)
    assert stack.ask_web() not in {0, worker}


def test_an_orphaned_postgres_and_a_stale_pid_file_do_not_stand_in_the_way(
    make_stack: MakeStack,
) -> None:
    stack = make_stack().start()
    stack.wait_ready()
    stack.query("CREATE TABLE kept AS SELECT 1 AS n")
    postmaster = stack.find_server("postgres")
    # A stopped process cannot even die by SIGINT: it is as stuck as an orphan can be.
    os.kill(postmaster, signal.SIGSTOP)
    stack.stop(signal.SIGKILL)
    pid_file = stack.data_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    stack.forget_output()
    stack.start().wait_ready()

    assert not is_alive(postmaster)
    assert stack.query("SELECT n FROM kept") == 1


def test_half_a_cluster_is_made_again(make_stack: MakeStack) -> None:
    stack = make_stack()
    for name in ("postgres.new", "postgres"):
        (stack.data_dir / name / "base").mkdir(parents=True)
    (stack.data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")

    stack.start().wait_ready()

    assert stack.query("SELECT 1") == 1


def test_a_queue_that_valkey_cannot_read_is_set_aside(make_stack: MakeStack) -> None:
    stack = make_stack()
    broken = stack.data_dir / "valkey" / "appendonlydir"
    broken.mkdir(parents=True)
    (broken / "appendonly.aof.manifest").write_text("nonsense\n")

    stack.start().wait_ready()

    assert (stack.data_dir / "valkey.unreadable").exists()


def test_a_busy_port_is_one_sentence(make_stack: MakeStack) -> None:
    with socket.socket() as other:
        # The worst neighbour: one that would share its port in silence.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        stack = make_stack(is_whole=False, PORT=str(other.getsockname()[1])).start()
        assert stack.process is not None

        assert stack.process.wait(timeout=20) == 1

    assert stack.read_output().count("\n") == 1
    assert f"Port {stack.port} on 127.0.0.1 cannot be used" in stack.read_output()


def test_a_second_supervisor_in_the_same_folder_is_refused_in_one_sentence(
    make_stack: MakeStack,
) -> None:
    first = make_stack(is_whole=False).start()
    first.wait_ready()
    first.forget_output()

    second = make_stack(is_whole=False, PORT=str(pick_port())).start()
    assert second.process is not None
    assert first.process is not None

    assert second.process.wait(timeout=20) == 1
    assert f"Process {first.process.pid} already runs a stack" in second.read_output()
    assert second.read_output().count("\n") == 1
    assert first.ask_web()
    # They share their folder, so whoever clears up after one clears up after both.
    assert first.stop() == 0


def test_stacks_in_different_folders_live_side_by_side(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    stacks = [make_stack(tmp_path / name / "data").start() for name in ("one", "two")]
    for stack in stacks:
        stack.wait_ready()

    for number, stack in enumerate(stacks):
        stack.query(f"CREATE TABLE mine AS SELECT {number} AS n")
    assert [stack.query("SELECT n FROM mine") for stack in stacks] == [0, 1]


@needs_root
def test_root_keeps_the_cluster_in_the_data_folder_where_namespaces_are_allowed(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    stack = make_stack(private / "data").start()
    stack.wait_ready()

    if (stack.data_dir / "postgres.path").exists():
        pytest.skip("this system allows no user namespaces")
    assert (stack.data_dir / "postgres" / "PG_VERSION").exists()
    assert stack.query("SELECT 1") == 1


@needs_root
def test_root_runs_postgres_as_nobody_where_namespaces_are_not_allowed(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    stack = make_stack(private / "data", CLOCKHOOK_NO_USERNS="1").start()
    stack.wait_ready()
    stack.query("CREATE TABLE kept AS SELECT 1 AS n")
    home = Path((stack.data_dir / "postgres.path").read_text().strip())

    assert (home / "postgres").stat().st_uid != 0
    assert (home / "data_folder").read_text().strip() == str(stack.data_dir)
    stack.stop(signal.SIGKILL)
    wait_for(lambda: not stack.find_processes(), seconds=10)
    stack.forget_output()
    stack.start().wait_ready()
    assert stack.query("SELECT n FROM kept") == 1


@needs_root
def test_a_cluster_moves_out_when_namespaces_are_no_longer_allowed(make_stack: MakeStack) -> None:
    stack = make_stack().start()
    stack.wait_ready()
    stack.query("CREATE TABLE kept AS SELECT 1 AS n")
    stack.stop()
    stack.forget_output()

    later = make_stack(CLOCKHOOK_NO_USERNS="1").start()
    later.wait_ready()

    assert later.query("SELECT n FROM kept") == 1
    assert not (later.data_dir / "postgres").exists()
