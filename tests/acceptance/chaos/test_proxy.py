"""The proxy is a fault only when told to be one."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.chaos.proxy import Mode, Proxy


def echo(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            connection.sendall(piece)


def serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


@pytest.fixture(params=["tcp", "unix"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    """In front of an echo."""
    if request.param == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        target = str(tmp_path / "socket")
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        target = f"127.0.0.1:{listener.getsockname()[1]}"
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    proxy = Proxy(target)
    yield proxy
    proxy.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=2)


def ask(connection: socket.socket, text: bytes = b"hello") -> bytes:
    connection.sendall(text)
    answer = b""
    while len(answer) < len(text):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        answer += piece
    return answer


def test_an_open_proxy_passes_everything_on(proxy: Proxy) -> None:
    text = bytes(range(256)) * 4096
    with connect(proxy) as first, connect(proxy) as second:
        assert (ask(first), ask(second, text[:30_000])) == (b"hello", text[:30_000])
    assert proxy.connections == 2


def test_a_closed_end_closes_the_other(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"
        connection.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            ask_closed(connection)


def ask_closed(connection: socket.socket) -> None:
    if connection.recv(1) == b"":
        raise ConnectionResetError


def test_a_slow_proxy_delays_every_piece(proxy: Proxy) -> None:
    with connect(proxy) as connection, proxy.broken(Mode.SLOW, delay_seconds=0.1):
        started = time.monotonic()
        assert ask(connection) == b"hello"
        assert time.monotonic() - started >= 0.2


def test_a_mute_proxy_takes_connections_and_answers_nobody(proxy: Proxy) -> None:
    with connect(proxy) as old:
        assert ask(old) == b"hello"
        with proxy.broken(Mode.MUTE), connect(proxy) as new:
            for connection in (old, new):
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    ask(connection)
        old.settimeout(2)
        # What was sent into the hole comes out when it is open again.
        assert old.recv(16) == b"hello"


def test_a_cut_proxy_resets_and_refuses(proxy: Proxy) -> None:
    with connect(proxy) as old:
        assert ask(old) == b"hello"
        with proxy.broken(Mode.CUT):
            with pytest.raises(ConnectionError):
                ask(old)
            with connect(proxy) as new, pytest.raises(ConnectionError):
                ask(new)
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"


def test_dropped_connections_may_come_again_at_once(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"
        proxy.drop_connections()
        with pytest.raises(ConnectionError):
            ask(connection)
    with connect(proxy) as connection:
        assert ask(connection) == b"hello"
