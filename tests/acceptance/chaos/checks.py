"""What every test of the suite proves at its end, on what clients and targets noted."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.ledger import Acknowledged, find_faults, read_ledger
from tests.acceptance.conftest import Stack, wait_until

# So that a target can tell one attempt at a run from another.
ATTEMPT_HEADER = "x-attempt"


class Target:
    """An HTTP target that notes the attempts of each run in the order in which they come.

    ``before_answer(run_id, attempt)`` may make it slow.
    """

    def __init__(self, before_answer: Callable[[str, int], object] | None = None) -> None:
        self.seen: dict[str, list[int]] = defaultdict(list)
        lock, seen = threading.Lock(), self.seen

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                run_id, attempt = self.headers["idempotency-key"], int(self.headers[ATTEMPT_HEADER])
                with lock:
                    seen[run_id].append(attempt)
                if before_answer is not None:
                    before_answer(run_id, attempt)
                try:
                    self.send_response(200)
                    self.send_header("content-length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                except ConnectionError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make_action(self, stack: Stack, **fields: Any) -> str:
        """An action that calls it."""
        config = {
            "method": "POST",
            "url": f"http://127.0.0.1:{self.server.server_port}/",
            "headers": {ATTEMPT_HEADER: "{{ run.attempt }}"},
        }
        return stack.make_action(action_type="http_request", config=config, **fields)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def wait_until_ended(stack: Stack, trigger_ids: list[str], *, seconds: float) -> None:
    """No run of these triggers is left to do."""
    live = (
        "SELECT status, count(*) FROM runs_run WHERE trigger_id = ANY(%s::uuid[])"
        " AND status IN ('queued', 'running', 'delegated') GROUP BY 1"
    )
    wait_until(
        lambda: not stack.query(live, trigger_ids),
        seconds=seconds,
        what="every run's end",
    )


def check_ledger(
    stack: Stack,
    trigger_ids: list[str],
    acknowledged: Iterable[Acknowledged] = (),
    **expectations: Any,
) -> None:
    """Nothing lost, nothing doubled, every chain whole: see ``benchmarks.ledger``."""
    ledger = read_ledger(stack.database_url, trigger_ids)
    faults = find_faults(ledger, acknowledged=acknowledged, **expectations)
    assert not faults, f"{len(faults)} faults, such as {faults[:5]}"
