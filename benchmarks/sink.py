"""``python -m benchmarks.sink PORT MILLISECONDS``: an HTTP server that takes its time."""

import asyncio
import sys

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: keep-alive\r\n\r\n{}"
)


async def _serve_connection(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, seconds: float
) -> None:
    """Requests of one connection, one after another, until the other side goes."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_read_length(head))
            await asyncio.sleep(seconds)
            writer.write(_ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _read_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


async def _serve(port: int, seconds: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _serve_connection(reader, writer, seconds=seconds),
        "127.0.0.1",
        port,
        backlog=1024,
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]) / 1000))
