"""Places no call: it prints, and reports an ending a moment later. For demos and tests.

The last digits of the number called decide what happens:

| ends in | happens |
| --- | --- |
| 0001 | busy, at every attempt |
| 0002 | busy twice, then answered |
| 0003 | refused by the provider, for good |
| 0004 | the worker's process dies right after the first attempt was placed; answered |
| others | answered |

With ``CLOCKHOOK_CONSOLE_CALLS_FILE`` set, each placed attempt is also one line of JSON in that
file, which is then the provider's memory: an attempt whose worker died is found there, and not
placed again. Without it nobody can tell, and such an attempt counts as failed.
"""

import fcntl
import json
import os
import signal
from pathlib import Path

import structlog
from django.conf import settings

from actions.providers.base import CallOrder, CallReport, ProviderError, ReportStatus

log = structlog.get_logger(__name__)

_ALWAYS_BUSY = "0001"
_BUSY_TWICE = "0002"
_REFUSED = "0003"
_DEADLY = "0004"


class Console:
    """Prints each call, and remembers it when it has a file to."""

    name = "console"
    report_seconds: float | None = 1.0

    def place(self, order: CallOrder) -> str:
        if order.phone_to.endswith(_REFUSED):
            raise ProviderError("refused", "The number cannot be called.", retryable=False)
        call_sid = f"console-{order.key}"
        if _write_line(order, call_sid):
            log.info(
                "console_call",
                call_id=str(order.call_id),
                attempt=order.attempt,
                phone_to=order.phone_to,
            )
            if order.phone_to.endswith(_DEADLY) and order.attempt == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        return call_sid

    def look_up(self, order: CallOrder) -> CallReport | None:
        if order.call_sid is not None:
            return CallReport(order.call_sid, choose_ending(order.phone_to, order.attempt))
        path = settings.CLOCKHOOK_CONSOLE_CALLS_FILE
        if not path:
            raise ProviderError(
                "placement_unknown",
                "The worker vanished while it placed the call; nobody knows how far it came.",
                retryable=True,
            )
        file = Path(path)
        if file.exists() and _quote_key(order) in file.read_bytes():
            return CallReport(f"console-{order.key}", "in_progress")
        return None

    def cancel(self, call_sid: str) -> None:
        log.info("console_call_cancelled", call_sid=call_sid)


def choose_ending(phone_to: str, attempt: int) -> ReportStatus:
    """How an attempt at the number ends."""
    if phone_to.endswith(_ALWAYS_BUSY):
        return "busy"
    if phone_to.endswith(_BUSY_TWICE) and attempt <= 2:
        return "busy"
    return "completed"


def _write_line(order: CallOrder, call_sid: str) -> bool:
    """Append the attempt to the file; False when it is there already."""
    path = settings.CLOCKHOOK_CONSOLE_CALLS_FILE
    if not path:
        return True
    line = {
        "key": order.key,
        "call_id": str(order.call_id),
        "attempt": order.attempt,
        "phone_to": order.phone_to,
        "call_sid": call_sid,
        "placed_at": order.now.isoformat(),
    }
    with Path(path).open("a+b") as file:
        # A worker that was taken for dead may still be about to place the same attempt.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if _quote_key(order) in file.read():
            return False
        file.write(json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return True


def _quote_key(order: CallOrder) -> bytes:
    return f'"key": "{order.key}"'.encode()
