"""A real HTTP server that keeps what it is sent and answers what a test tells it to."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Sink:
    """``status``, ``headers``, ``body`` are the answer; ``drip_seconds`` go before each byte."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    body: bytes = b'{"ok": true}'
    wait_seconds: float = 0.0
    drip_seconds: float = 0.0
    echoes_header: str | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sink: Sink


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.sink.connections += 1

    def answer(self) -> None:
        sink = self.server.sink
        length = int(self.headers.get("Content-Length") or 0)
        sink.received.append(
            Received(self.command, self.path, dict(self.headers), self.rfile.read(length))
        )
        time.sleep(sink.wait_seconds)
        body = sink.body
        if sink.echoes_header is not None:
            body = (self.headers.get(sink.echoes_header) or "").encode()
        self.send_response(sink.status)
        for name, value in sink.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.write_body(body)

    def write_body(self, body: bytes) -> None:
        pause = self.server.sink.drip_seconds
        try:
            for start in range(0, len(body), 1 if pause else 65_536):
                time.sleep(pause)
                self.wfile.write(body[start : start + (1 if pause else 65_536)])
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    # The names that the server calls.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
        """Says nothing."""


@contextmanager
def serve_sink() -> Iterator[Sink]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.sink = Sink(port=server.server_address[1])
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server.sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve_bytes(
    answer: bytes, *, pause: float = 0.0, is_deaf: bool = False, resets: bool = False
) -> Iterator[int]:
    """A raw TCP server on the yielded port: sends every connection these bytes and hangs up.

    With a pause they come eleven at a time. A deaf one reads nothing and says nothing; one that
    resets hangs up as a crashed host does.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    def talk(connection: socket.socket) -> None:
        step = 11 if pause else 65_536
        with connection, contextlib.suppress(OSError):
            if is_deaf:
                done.wait(10)
                return
            connection.recv(65_536)
            for start in range(0, len(answer), step):
                time.sleep(pause)
                connection.sendall(answer[start : start + step])
            if resets:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        listener.close()
