"""The compose file's own commands with its own environment, as plain processes beside a Postgres
and a Redis that they do not start.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis
from cryptography.fernet import Fernet
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.acceptance.conftest import CHECKOUT, find_free_port, post_signed, wait_until
from tests.compose.files import read_compose, read_image_environment

pytestmark = pytest.mark.acceptance

STOP_SECONDS = 15
SERVERS = ("postgres", "valkey")
LEAD = {"type": "lead.created", "data": {"id": "L-1001"}}


def choose_redis_database(url: str, number: int) -> str:
    address = url.partition("?")[0]
    if address.startswith("unix:"):
        return f"{address}?db={number}"
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{number}"


@contextmanager
def make_database() -> Iterator[str]:
    """A database of its own in the Postgres that the tests were given."""
    url, name = os.environ["DATABASE_URL"], f"compose_{uuid.uuid4().hex[:8]}"
    administer = make_conninfo(url, dbname="postgres")
    with psycopg.connect(administer, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        with psycopg.connect(administer, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


@contextmanager
def find_redis_database() -> Iterator[str]:
    """A numbered database that holds nothing: only such a one may be emptied afterwards."""
    for number in range(15, 0, -1):
        url = choose_redis_database(os.environ["REDIS_URL"], number)
        with redis.Redis.from_url(url) as client:
            if client.dbsize() == 0:
                yield url
                client.flushdb()
                return
    pytest.fail("no database of the given Redis is empty")


@dataclass
class Deployment:
    """The services of a compose file and the processes that stand for their containers."""

    services: dict[str, Any]
    # What stands for the file's own Postgres, Valkey and volume.
    addresses: dict[str, str]
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def build_environment(self, service: str, **more: str) -> dict[str, str]:
        """The image's and the service's, nothing of the tests' own; `python` is this one."""
        return {
            **read_image_environment(),
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            **self.services[service]["environment"],
            **self.addresses,
            **more,
        }

    def run(
        self, service: str, command: list[str], **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, as ``docker compose exec`` or a one-shot service would."""
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env=self.build_environment(service, **more),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def start(self, service: str) -> None:
        for number in range(self.services[service].get("deploy", {}).get("replicas", 1)):
            name = f"{service}-{number + 1}"
            with (self.folder / f"{name}.log").open("wb") as log:
                self.processes[name] = subprocess.Popen(
                    self.services[service]["command"],
                    cwd=CHECKOUT,
                    env=self.build_environment(service),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def check_health(self, service: str) -> subprocess.CompletedProcess[str]:
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(service, command)

    def stop(self) -> dict[str, int]:
        """Ask all to stop at once; the exit codes of those that did so in time."""
        for process in self.processes.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        codes = {}
        for name, process in self.processes.items():
            try:
                codes[name] = process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
        return codes

    def kill(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=10)

    def read_logs(self) -> str:
        tails = [(log.name, log.read_text()[-1500:]) for log in self.folder.glob("*.log")]
        return "\n".join(f"── {name}\n{tail}" for name, tail in sorted(tails))


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    variables = {
        "POSTGRES_PASSWORD": "not-used-here",
        "CLOCKHOOK_SECRET_KEY": "for-this-test-alone-0123456789-0123456789-0123456789",
        "CLOCKHOOK_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "CLOCKHOOK_LOG_JSON": "0",
        "PORT": str(find_free_port()),
    }
    with ExitStack() as closing:
        addresses = {
            "DATABASE_URL": closing.enter_context(make_database()),
            "REDIS_URL": closing.enter_context(find_redis_database()),
            "CLOCKHOOK_DATA": str(tmp_path / "volume"),
        }
        deployment = Deployment(read_compose(variables)["services"], addresses, tmp_path)
        closing.callback(deployment.kill)
        yield deployment


def is_ready(base_url: str) -> bool:
    """Ready, with all that is only reported good, too, and two Beats at work."""
    try:
        answer = httpx.get(f"{base_url}/readyz", timeout=5)
    except httpx.TransportError:
        return False
    checks = answer.json()["checks"].values()
    return (
        answer.status_code == 200
        and all(check["ok"] for check in checks)
        and answer.json()["checks"]["beat"]["alive"] == 2
    )


def await_or_show(deployment: Deployment, condition: Callable[[], Any], *, what: str) -> Any:
    try:
        return wait_until(condition, seconds=60, what=what)
    except pytest.fail.Exception as error:
        pytest.fail(f"{error}\n{deployment.read_logs()}")


def make_destination(client: httpx.Client, *, action: dict[str, Any]) -> dict[str, Any]:
    """A destination whose trigger fires the action."""

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    action_id = post("/actions", {"name": str(uuid.uuid4()), **action})["id"]
    trigger = {"name": str(uuid.uuid4()), "event_type": "lead.created", "action_id": action_id}
    trigger_id = post("/triggers", trigger)["id"]
    return post("/webhook-destinations", {"name": str(uuid.uuid4()), "trigger_id": trigger_id})


def fire(deployment: Deployment, client: httpx.Client, action: dict[str, Any]) -> dict[str, Any]:
    """Post a signed lead that fires the action; the run when it has ended."""
    answer = post_signed(client, make_destination(client, action=action), LEAD)
    assert answer.status_code == 200, answer.text
    path = f"/runs/{answer.json()['run_id']}"

    def read_end() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(path).json()
        return run if run["status"] in {"completed", "failed"} else None

    run: dict[str, Any] = await_or_show(deployment, read_end, what=f"the end of {action}")
    return run


def test_the_compose_files_processes_carry_a_webhook_to_its_end_and_stop_when_asked(
    deployment: Deployment,
) -> None:
    # The one-shot service, twice: every release runs it again.
    for _ in range(2):
        done = deployment.run("migrate", deployment.services["migrate"]["command"])
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    # Nothing is well before it runs.
    assert deployment.check_health("web").returncode != 0
    assert deployment.check_health("beat").returncode == 1

    kept = [name for name in deployment.services if name not in {*SERVERS, "migrate"}]
    for service in kept:
        deployment.start(service)
    base_url = f"http://127.0.0.1:{deployment.services['web']['environment']['PORT']}"
    await_or_show(deployment, lambda: is_ready(base_url), what="ready")
    for service in kept:
        check = deployment.check_health(service)
        assert check.returncode == 0, f"{service}: {check.stderr}"

    command = ["python", "manage.py", "bootstrap", "--json"]
    made = json.loads(deployment.run("web", command, CLOCKHOOK_PUBLIC_URL="").stdout)
    assert made["base_url"] == base_url
    client = httpx.Client(
        base_url=f"{base_url}/v1/{made['workspace_id']}",
        headers={"Authorization": f"Bearer {made['api_key']}"},
        timeout=10,
    )
    with client:
        assert fire(deployment, client, {"action_type": "noop"})["status"] == "completed"
        # Nothing here is public: it is the network worker that finds out.
        config = {"method": "GET", "url": f"{base_url}/healthz"}
        refused = fire(deployment, client, {"action_type": "http_request", "config": config})
        assert (refused["status"], refused["error"]["code"]) == ("failed", "target_refused")

    chore = "events.tasks.create_partitions"
    sent = deployment.run(
        "worker-system", ["python", "-m", "celery", "-A", "config", "call", chore]
    )
    assert sent.returncode == 0, sent.stderr
    log = deployment.folder / "worker-system-1.log"

    def is_done() -> bool:
        return any(chore in line and "succeeded" in line for line in log.read_text().splitlines())

    await_or_show(deployment, is_done, what=chore)

    assert deployment.stop() == dict.fromkeys(deployment.processes, 0), deployment.read_logs()
    assert deployment.check_health("web").returncode != 0


def test_the_probe_of_a_worker_fails_without_its_servers_and_names_no_address(
    deployment: Deployment,
) -> None:
    assert deployment.check_health("worker-network").returncode == 0
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        for address in (
            {"REDIS_URL": f"redis://127.0.0.1:{port}/0"},
            {"DATABASE_URL": f"postgresql://someone@127.0.0.1:{port}/clockhook"},
        ):
            deployment.addresses |= address
            check = deployment.check_health("worker-network")
            assert check.returncode == 1
            assert str(port) not in check.stderr
            assert "Error" in check.stderr
