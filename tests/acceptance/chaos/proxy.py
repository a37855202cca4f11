"""A TCP proxy that makes a server slow, mute or cut off; it runs in a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import Self
from urllib.parse import unquote, urlsplit

_PIECE_BYTES = 64 * 1024


class Mode(StrEnum):
    """What happens to connections, old and new ones alike."""

    OPEN = "open"
    # Each piece comes late.
    SLOW = "slow"
    # Accepted, and nothing comes through any more: a black hole.
    MUTE = "mute"
    # Ended with a reset, and refused from now on.
    CUT = "cut"


class Proxy:
    """Listens on a port of this machine and passes bytes on to a server, as its mode says.

    ``target``: a path (a Unix socket) or ``host:port``.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.connections = 0
        self._mode = Mode.OPEN
        self._delay = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)

    @classmethod
    def for_url(cls, url: str) -> Self:
        """In front of the server that a database's or Redis' URL names."""
        parts = urlsplit(url)
        if parts.scheme == "unix":
            return cls(unquote(parts.path))
        return cls(f"{parts.hostname}:{parts.port}")

    @property
    def mode(self) -> Mode:
        return self._mode

    def set_mode(self, mode: Mode, *, delay_seconds: float = 0.0) -> None:
        """From now on; ``delay_seconds`` counts for ``SLOW``, per piece and direction."""
        asyncio.run_coroutine_threadsafe(self._change(mode, delay_seconds), self._loop).result(5)

    def drop_connections(self) -> None:
        """Reset the connections that are there, and take new ones as before."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(5)

    @contextlib.contextmanager
    def broken(self, mode: Mode, *, delay_seconds: float = 0.0) -> Iterator[None]:
        """That mode inside the block, open again after it."""
        self.set_mode(mode, delay_seconds=delay_seconds)
        try:
            yield
        finally:
            self.set_mode(Mode.OPEN)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._listener.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connect, sock=self._listener.dup())

    async def _change(self, mode: Mode, delay_seconds: float) -> None:
        self._mode, self._delay = mode, delay_seconds
        if mode is Mode.MUTE:
            self._may_pass.clear()
        else:
            self._may_pass.set()
        if mode is Mode.CUT:
            await self._drop()

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._drop()
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            await self._may_pass.wait()
            if self._mode is Mode.CUT:
                return
            server_reader, upstream = await self._open()
            self._writers.add(upstream)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, upstream))
                both.create_task(self._pass_on(server_reader, writer))
        except* (OSError, _Over):
            pass
        finally:
            for end in (writer, upstream):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.target.startswith("/"):
            return await asyncio.open_unix_connection(self.target)
        host, _, port = self.target.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE_BYTES):
            if self._mode is Mode.SLOW:
                await asyncio.sleep(self._delay)
            await self._may_pass.wait()
            writer.write(piece)
            await writer.drain()
        raise _Over


class _Over(Exception):
    """One side has closed: so does the other."""
