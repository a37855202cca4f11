"""The supervisor's decisions: names, back-off, ports, command lines."""

import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.stack import accounts, paths, postgres, valkey, welcome
from config.stack.children import Account, ChildSpec, describe_exit, restart_delay, wrap_command
from config.stack.errors import StackError
from config.stack.logs import Log
from config.stack.seed import Seed


@given(
    path=st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=300),
    uid=st.integers(0, 2**32 - 1),
    temp_dir=st.text("abc/ ", min_size=1, max_size=200).map(lambda text: f"/{text}"),
)
def test_every_socket_fits_into_a_socket_address(path: str, uid: int, temp_dir: str) -> None:
    folder = paths.name_socket_folder(Path("/") / path, uid=uid, temp_dir=temp_dir)

    for name in (paths.POSTGRES_SOCKET, paths.VALKEY_SOCKET):
        assert len(os.fsencode(folder / name)) <= 107


def test_sockets_of_other_folders_and_other_users_lie_elsewhere() -> None:
    names = {
        paths.name_socket_folder(Path(data_dir), uid=uid, temp_dir="/temp")
        for data_dir in ("/srv/a", "/srv/b")
        for uid in (0, 1000)
    }

    assert len(names) == 4


def test_a_socket_folder_is_private_and_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"

    paths.make_socket_folder(folder, owner=os.geteuid())
    folder.chmod(0o755)
    paths.make_socket_folder(folder, owner=os.geteuid())

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_socket_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "theirs")

    with pytest.raises(StackError, match="belongs to somebody else"):
        paths.make_socket_folder(tmp_path / "sockets", owner=os.geteuid())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_another_users_socket_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()
    os.chown(folder, 12345, -1)

    with pytest.raises(StackError, match="belongs to somebody else"):
        paths.make_socket_folder(folder, owner=0)


def test_a_folder_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    with (
        paths.hold_lock(tmp_path),
        pytest.raises(StackError, match=f"Process {os.getpid()} already runs"),
        paths.hold_lock(tmp_path),
    ):
        pass
    with paths.hold_lock(tmp_path):
        pass


@pytest.mark.parametrize(
    ("ages", "delay"),
    [
        ([], 0.0),
        ([0], 0.0),
        ([50, 0], 0.0),
        ([50, 20, 0], 1.0),
        ([61, 20, 0], 0.0),
        ([50, 40, 20, 0], 2.0),
        ([50, 40, 30, 20, 0], 4.0),
        ([1.0] * 50, 30.0),
    ],
)
def test_restarts_wait_from_the_third_death_in_a_minute_on(ages: list[float], delay: float) -> None:
    assert restart_delay([1000.0 - age for age in ages], now=1000.0) == delay


@given(st.lists(st.floats(0, 1000), max_size=60), st.floats(0, 1000))
def test_a_further_death_never_shortens_the_wait(ages: list[float], now: float) -> None:
    deaths = sorted(age for age in ages if age <= now)

    shorter = restart_delay(deaths, now=now)

    assert 0 <= shorter <= restart_delay([*deaths, now], now=now) <= 30


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-250, "signal 250")],
)
def test_an_end_is_told_by_its_name(code: int, text: str) -> None:
    assert describe_exit(code) == text


def test_a_command_line_carries_the_account_and_the_bond_to_its_parent() -> None:
    spec = ChildSpec(
        name="x",
        command=["prog", "-a b"],
        env={},
        cwd=Path("/a folder"),
        account=Account(uid=7, gid=8),
        death_signal=signal.SIGINT,
    )

    command = wrap_command(spec)

    assert command[-2:] == ["prog", "-a b"]
    assert json.loads(command[-3]) == {
        "parent": os.getpid(),
        "death_signal": signal.SIGINT,
        "cwd": "/a folder",
        "uid": 7,
        "gid": 8,
    }


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc", (6, 2)),
        ("Valkey server v=9.1.2 sha=00000000:1", (9, 1)),
        ("nonsense", (0, 0)),
        ("", (0, 0)),
    ],
)
def test_a_servers_version_is_read_from_its_own_words(text: str, version: tuple[int, int]) -> None:
    assert valkey.read_version(text) == version


@pytest.mark.parametrize(("version", "wins"), [("7.0.15", True), ("6.0.16", False)])
def test_a_redis_on_the_path_wins_unless_it_is_too_old(
    version: str, wins: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    assert (valkey.find_server() == program) is wins


def test_an_address_that_is_none_is_one_sentence() -> None:
    with pytest.raises(StackError, match="no address that Postgres understands"):
        postgres.find_fault("nonsense")


def test_a_silent_database_is_described_in_its_own_words(tmp_path: Path) -> None:
    assert "No such file" in postgres.find_fault(postgres.build_database_url(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_root_does_not_touch_another_users_cluster(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    accounts.refuse_foreign_folder(folder)
    folder.mkdir()
    os.chown(folder, 12345, -1)

    with pytest.raises(StackError, match="belongs to another user"):
        accounts.refuse_foreign_folder(folder)


def test_the_welcome_shows_the_key_once(tmp_path: Path) -> None:
    password_file = tmp_path / "admin_password"
    password_file.write_text("s3cret\n")

    def render(api_key: str) -> str:
        seed = Seed(workspace_id="w-1", admin_username="admin", api_key=api_key)
        return welcome.render_welcome(
            seed, base_url="http://127.0.0.1:8000", password_file=password_file
        )

    first, second = render("chk_1"), render("")
    assert "admin / s3cret" in first
    assert "curl -H 'Authorization: Bearer chk_1' http://127.0.0.1:8000/v1/w-1/triggers" in first
    assert "manage.py bootstrap" in second
    assert "chk_1" not in second


def test_log_lines_carry_the_name_of_who_wrote_them() -> None:
    source, sink = os.pipe()
    output, log_end = os.pipe()
    log = Log(log_end)
    log.follow(os.fdopen(source, "rb"), name="web")
    with os.fdopen(sink, "wb") as writer:
        writer.write(b"one\r\ntwo without an end")
    log.drain(seconds=5.0)
    log.say("three")
    os.close(log_end)

    with os.fdopen(output, "rb") as reader:
        lines = reader.read().decode().splitlines()
    assert lines == ["web      | one", "web      | two without an end", "stack    | three"]


def test_a_log_that_nobody_reads_stops_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    Log(writer).say("nobody listens")
    os.close(writer)
