"""A stack to break, its seed, and the figures that a run of the suite leaves."""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from config.stack import paths
from tests.acceptance.chaos import stack as chaos_stack
from tests.acceptance.chaos.proxy import Proxy
from tests.acceptance.conftest import Stack, open_stack, wait_until

_figures: list[str] = []
_QUEUES = ("instant", "network,system")


@dataclass
class Chaos:
    """A stack whose servers are reached through proxies."""

    stack: Stack
    postgres: Proxy
    redis: Proxy
    faults: Path

    def arm(self, place: str) -> None:
        """Have the next process that comes to the place die there."""
        (self.faults / place).touch()

    def has_struck(self, place: str) -> bool:
        return not (self.faults / place).exists()

    def find_web_processes(self) -> list[int]:
        """The processes that serve; not the one that watches over them."""
        masters = self.find_web_masters()
        return [pid for pid in self.stack.find_processes("granian") if pid not in masters]

    def find_web_masters(self) -> list[int]:
        """One, or none while the supervisor starts another."""
        pids = self.stack.find_processes("granian")
        return [pid for pid in pids if _read_parent(pid) not in pids]

    def wait_until_well(self, *, seconds: float) -> float:
        """Two Beats tick, two workers of each kind stand and the web serves; after how many
        seconds.
        """
        started = time.monotonic()
        wait_until(self.is_well, seconds=seconds, what="a stack that is well")
        return time.monotonic() - started

    def is_well(self) -> bool:
        workers = [self.stack.find_processes("faulty", "worker", f" {name} ") for name in _QUEUES]
        return (
            len(self.list_ticking()) >= 2
            and all(len(pids) == 2 for pids in workers)
            and self._serves()
        )

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self.stack.base_url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def list_ticking(self) -> list[int]:
        """Beats that live and have ticked of late."""
        rows = self.stack.query(
            "SELECT name FROM triggers_schedulerheartbeat WHERE ticked_at > now() - interval '4 s'"
        )
        ticking = {int(name.rpartition(":")[2]) for (name,) in rows}
        return [pid for pid in self.stack.find_processes("faulty", "beat") if pid in ticking]


def _read_parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@pytest.fixture(scope="session")
def _chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    folder = tmp_path_factory.mktemp("chaos")
    faults = folder / "faults"
    faults.mkdir()
    sockets = paths.name_socket_folder(
        folder / "a data folder", uid=os.geteuid(), temp_dir=tempfile.gettempdir()
    )
    with ExitStack() as closing:
        postgres = Proxy(str(sockets / paths.POSTGRES_SOCKET))
        closing.callback(postgres.close)
        redis = Proxy(str(sockets / paths.VALKEY_SOCKET))
        closing.callback(redis.close)
        environment = {
            chaos_stack.POSTGRES_PORT: str(postgres.port),
            chaos_stack.REDIS_PORT: str(redis.port),
            chaos_stack.FAULTS: str(faults),
        }
        stack = closing.enter_context(
            open_stack(folder, "tests.acceptance.chaos.stack", environment=environment)
        )
        yield Chaos(stack, postgres, redis, faults)


@pytest.fixture
def chaos(_chaos: Chaos) -> Iterator[Chaos]:
    """The stack, whole and at rest when a test begins."""
    _chaos.wait_until_well(seconds=60)
    yield _chaos
    for place in _chaos.faults.iterdir():
        place.unlink()


@pytest.fixture(scope="session")
def seed() -> int:
    """What chance begins with: ``CHAOS_SEED``, else another one each time; printed at the end."""
    given = os.environ.get("CHAOS_SEED")
    value = int(given) if given else random.SystemRandom().randrange(1_000_000)
    _figures.insert(0, f"CHAOS_SEED={value} makes the same choices again")
    return value


@pytest.fixture
def dice(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """Chance for one test, which no other test's throws change."""
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311 - to be foreseen is the point


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keep a figure for the end of the session."""
    return lambda text: _figures.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _figures:
        terminalreporter.section("chaos")
        for figure in _figures:
            terminalreporter.write_line(figure)
