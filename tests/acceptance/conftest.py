"""One real stack for the session: the supervisor with its embedded Postgres and Valkey, web, Beat,
workers.
"""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis

CHECKOUT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 240


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Poll until the condition holds; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """A running stack and a key to it."""

    supervisor: subprocess.Popen[bytes]
    environment: dict[str, str]
    base_url: str
    workspace_id: str
    api_key: str
    admin_password: str
    database_url: str
    redis_url: str
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=f"{self.base_url}/v1/{self.workspace_id}",
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=30,
        )

    def post(self, path: str, body: Any, *, status: int = 201) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql, parameters).fetchall()

    def read_placed(self) -> list[dict[str, Any]]:
        """What the console provider noted, one line per attempt that it placed."""
        path = Path(self.environment["CLOCKHOOK_CONSOLE_CALLS_FILE"])
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url)

    def find_processes(self, *words: str) -> list[int]:
        """Pids below the supervisor whose command line holds all the words."""
        return [
            pid
            for pid in list_descendants(self.supervisor.pid)
            if all(word in read_command(pid) for word in words)
        ]

    def kill(self, *words: str, number: int = signal.SIGKILL) -> int:
        pids = self.find_processes(*words)
        for pid in pids:
            os.kill(pid, number)
        return len(pids)

    def make_action(self, **fields: Any) -> str:
        body = {"name": f"action {uuid.uuid4()}", "action_type": "noop", **fields}
        return str(self.post("/actions", body)["id"])

    def make_trigger(self, action_id: str, **fields: Any) -> dict[str, Any]:
        body = {
            "name": f"trigger {uuid.uuid4()}",
            "event_type": "test.event",
            "action_id": action_id,
            **fields,
        }
        trigger: dict[str, Any] = self.post("/triggers", body)
        return trigger

    def make_destination(self, trigger_id: str, **fields: Any) -> dict[str, Any]:
        body = {"name": f"destination {uuid.uuid4()}", "trigger_id": trigger_id, **fields}
        destination: dict[str, Any] = self.post("/webhook-destinations", body)
        return destination


def list_descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def read_command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def sign(secret: str, body: bytes, *, timestamp_ms: int | None = None) -> dict[str, str]:
    """The native signature's headers."""
    timestamp = str(timestamp_ms or int(time.time() * 1000))
    signed = b"v1:" + timestamp.encode() + b":" + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"x-amigo-request-signature": digest, "x-amigo-request-timestamp": timestamp}


def post_signed(
    client: httpx.Client, destination: dict[str, Any], payload: Any, *, key: str | None = None
) -> httpx.Response:
    body = json.dumps(payload).encode()
    headers = {"content-type": "application/json", **sign(destination["secret"], body)}
    if key is not None:
        headers["x-amigo-idempotent-key"] = key
    return client.post(destination["url"], content=body, headers=headers)


def run_command(
    environment: dict[str, str], *arguments: str, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@contextmanager
def open_stack(
    folder: Path, *command: str, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A whole stack with its data below ``folder``, started by ``python -m <command>``."""
    data = folder / "a data folder"
    own = ("DATABASE_URL", "REDIS_URL", "CLOCKHOOK_SECRET_KEY", "CLOCKHOOK_ENCRYPTION_KEYS")
    env = {name: value for name, value in os.environ.items() if name not in own}
    env |= {
        "CLOCKHOOK_DATA": str(data),
        "PORT": str(find_free_port()),
        "CLOCKHOOK_ALLOW_PRIVATE_TARGETS": "1",
        "CLOCKHOOK_CONSOLE_CALLS_FILE": str(data.parent / "calls.jsonl"),
        **(environment or {}),
    }
    log = data.parent / "stack.log"
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=CHECKOUT,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        stack = _wait_for_stack(supervisor, env, log)
        yield stack
        stack.client.close()
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(timeout=30)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with open_stack(tmp_path_factory.mktemp("stack"), "config.stack", "run") as stack:
        yield stack


def _wait_for_stack(
    supervisor: subprocess.Popen[bytes], environment: dict[str, str], log: Path
) -> Stack:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if supervisor.poll() is not None:
            break
        answer = run_command(environment, "bootstrap", "--json", seconds=READY_SECONDS)
        if answer.returncode == 0:
            made = json.loads(answer.stdout)
            names = ("base_url", "workspace_id", "api_key", "database_url", "redis_url")
            return Stack(
                supervisor,
                environment,
                log=log,
                admin_password=made["admin_password"],
                **{name: made[name] for name in names},
            )
        time.sleep(1)
    pytest.fail(f"the stack did not come up:\n{log.read_text()[-4000:]}")


class Sink:
    """An HTTP target that counts how often it saw each run."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        lock, seen = threading.Lock(), self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                with lock:
                    seen[self.headers["idempotency-key"]] += 1
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.server.shutdown()
    sink.server.server_close()
