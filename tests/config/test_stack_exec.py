"""``python -m config.stack exec``: a command with services of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config import environment
from tests.config.stacks import build_env, wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

_ASK_BOTH = """
import os, sys, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    print(connection.execute("SELECT current_setting('fsync')").fetchone()[0])
client = redis.Redis.from_url(os.environ["REDIS_URL"])
print(client.ping(), bool(os.environ["CLOCKHOOK_SECRET_KEY"]), sys.argv[1:])
client.close()
sys.exit(7)
"""


def _run(data_dir: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return _run_exec(data_dir, ["--", *command], env)


def _run_exec(
    data_dir: Path, arguments: list[str], env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.stack", "exec", *arguments],
        cwd=environment.CHECKOUT,
        env=build_env(data_dir, **env),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_command_gets_both_services_and_its_exit_code_counts(tmp_path: Path) -> None:
    first = _run(tmp_path / "data", sys.executable, "-c", _ASK_BOTH, "--", "-x")

    assert first.returncode == 7, first.stderr
    assert first.stdout.split("\n")[:2] == ["off", "True True ['--', '-x']"]
    # A cluster without fsync that a power cut ruined is simply made again.
    (tmp_path / "data" / "test" / "postgres" / "global" / "pg_control").write_bytes(b"ruined")
    second = _run(tmp_path / "data", sys.executable, "-c", _ASK_BOTH)
    assert second.returncode == 7, second.stderr


def test_a_durable_commands_services_write_as_safely_as_a_running_stacks(tmp_path: Path) -> None:
    answer = _run_exec(tmp_path / "data", ["--durable", "--", sys.executable, "-c", _ASK_BOTH], {})

    assert answer.returncode == 7, answer.stderr
    assert answer.stdout.startswith("on\n")
    assert (tmp_path / "data" / "bench" / "postgres").exists()


def test_given_services_are_used_as_they_are(tmp_path: Path) -> None:
    answer = _run(
        tmp_path / "data",
        "sh",
        "-c",
        'echo "$DATABASE_URL $REDIS_URL"; exit 3',
        DATABASE_URL="postgresql:///mine",
        REDIS_URL="redis://mine",
    )

    assert (answer.returncode, answer.stdout) == (3, "postgresql:///mine redis://mine\n")
    assert not (tmp_path / "data" / "test" / "postgres").exists()


def test_a_command_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    urls = {"DATABASE_URL": "postgresql://", "REDIS_URL": "redis://"}

    answer = _run(tmp_path / "data", "no-such-command", **urls)

    assert answer.returncode == 1
    assert answer.stderr.startswith("clockhook: no-such-command cannot be started")
    assert answer.stderr.count("\n") == 1


def test_a_signal_reaches_the_command_and_nothing_stays(tmp_path: Path) -> None:
    started = tmp_path / "started"
    script = f"echo $$ > '{started}.new'; mv '{started}.new' '{started}'; sleep 1000"
    process = subprocess.Popen(
        [sys.executable, "-m", "config.stack", "exec", "--", "sh", "-c", script],
        cwd=environment.CHECKOUT,
        env=build_env(tmp_path / "data"),
        stdin=subprocess.DEVNULL,
    )
    wait_for(started.exists)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=20) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
