"""A real HTTP server that keeps what it is sent and answers what a test tells it to."""

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
    """``status``, ``headers`` and ``body`` are the answer; ``drip_seconds`` pauses before each byte of it."""

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


@contextmanager
def serve_sink() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sink.connections += 1

        def answer(self) -> None:
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
            try:
                if not sink.drip_seconds:
                    self.wfile.write(body)
                    return
                for byte in body:
                    time.sleep(sink.drip_seconds)
                    self.wfile.write(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 - the server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the server's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
