"""Workers that are told to stop in the middle of their work."""

import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.acceptance.conftest import Stack, wait_until

pytestmark = pytest.mark.acceptance

RUNS = 20


def test_a_worker_that_is_asked_to_stop_finishes_what_it_has_in_hand(stack: Stack) -> None:
    """SIGTERM in flight: every run ends, none twice, none with its worker lost."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.append(self.headers["idempotency-key"])
            time.sleep(1)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {"method": "POST", "url": f"http://127.0.0.1:{server.server_port}/"}
    trigger = stack.make_trigger(stack.make_action(action_type="http_request", config=config))
    for _ in range(RUNS):
        stack.post(f"/triggers/{trigger['id']}/fire", {}, status=200)
    wait_until(lambda: len(seen) >= 4, seconds=20, what="runs in flight")
    assert stack.kill("celery", "worker", "network", number=signal.SIGTERM)
    wait_until(
        lambda: (
            stack.query(
                "SELECT count(*), sum(attempt), sum(lost_leases) FROM runs_run"
                " WHERE trigger_id = %s AND status = 'completed'",
                trigger["id"],
            )
            == [(RUNS, RUNS, 0)]
        ),
        seconds=60,
        what="all runs completed in their first attempt",
    )
    assert sorted(seen) == sorted(set(seen))
    server.shutdown()
    server.server_close()
