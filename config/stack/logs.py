"""The stack's one stream of output: every line carries the name of who wrote it."""

import os
import threading
import time
from typing import IO

_NAME_WIDTH = 8
_LONGEST_LINE = 64 * 1024


class Log:
    """Writes to a file descriptor, a whole line at a time; a reader that went away stops nobody."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._copiers: list[threading.Thread] = []

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._write(f"{'stack':<{_NAME_WIDTH}} | {text}\n".encode())

    def show(self, text: str) -> None:
        """Text for the person at the terminal, without a name before it."""
        self._write(f"{text}\n".encode())

    def follow(self, stream: IO[bytes], *, name: str) -> None:
        """Copy ``stream`` until its end, in a thread of its own."""
        copier = threading.Thread(target=self._copy, args=(stream, name), daemon=True)
        self._copiers = [thread for thread in self._copiers if thread.is_alive()] + [copier]
        copier.start()

    def drain(self, *, seconds: float) -> None:
        """Wait until what the dead left in their pipes is written."""
        deadline = time.monotonic() + seconds
        for copier in self._copiers:
            copier.join(max(0.0, deadline - time.monotonic()))

    def _copy(self, stream: IO[bytes], name: str) -> None:
        start = f"{name:<{_NAME_WIDTH}} | ".encode()
        with stream:
            while line := stream.readline(_LONGEST_LINE):
                self._write(start + line.rstrip(b"\r\n") + b"\n")

    def _write(self, line: bytes) -> None:
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                # Nobody reads any more (`make run | head`): children must still not block on us.
                pass
