"""The wire under a stranger's request: one overall deadline for every wait, and no way inwards.

A name is resolved once, every address it has is checked, and the connection goes to a checked
address while Host and TLS keep the name: a second look-up, with another answer, never happens.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import httpcore

from actions.rules.addresses import find_address_refusal

_MAX_ADDRESSES_TRIED = 4
# How often a wait looks whether it has been cancelled.
_LOOK_SECONDS = 0.5


class ExchangeFailed(Exception):
    """No answer came. ``message`` names the target's host at most: never a path, a query or a
    header.
    """

    code: ClassVar[str] = "connection_failed"
    is_retryable: ClassVar[bool] = True


class TargetRefused(ExchangeFailed):
    """The target is, or resolves to, an address that actions may not talk to."""

    code = "target_refused"
    is_retryable = False


class NameNotResolved(ExchangeFailed):
    """DNS has no address for the host, or did not answer."""


class TimedOut(ExchangeFailed):
    """The deadline passed before the whole answer had come."""

    code = "timeout"


class Cancelled(ExchangeFailed):
    """The run was cancelled, or its lease lost, while it waited."""

    code = "cancelled"


class RequestImpossible(ExchangeFailed):
    """HTTP has no way to say this."""

    code = "invalid_request"
    is_retryable = False


@dataclass(frozen=True)
class Attempt:
    """What every wait of one exchange is bound by."""

    ends_at: float
    cancelled: threading.Event

    def read_seconds_left(self) -> float:
        if self.cancelled.is_set():
            raise Cancelled("The run was cancelled.")
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimedOut("No complete answer came in time.")
        return left


# The exchange that this thread is in; connections are shared, deadlines are not.
current_attempt: ContextVar[Attempt] = ContextVar("current_attempt")


class GuardedBackend(httpcore.NetworkBackend):
    """Opens TCP connections to checked addresses only."""

    def __init__(self, *, is_private_allowed: bool) -> None:
        self._is_private_allowed = is_private_allowed
        self._dialer = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve_host(host, port)
        if not self._is_private_allowed:
            refuse_inward(host, addresses)
        attempt = current_attempt.get()
        failure: Exception | None = None
        tried = addresses[:_MAX_ADDRESSES_TRIED]
        for index, address in enumerate(tried):
            # A dead address leaves the others their share of the time.
            seconds = attempt.read_seconds_left() / (len(tried) - index)
            try:
                stream = self._dialer.connect_tcp(address, port, timeout=seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _BoundedStream(stream)
        raise failure or NameNotResolved(f"{host} has no address.")


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with its exchange, however slowly bytes drip."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket: socket.socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        attempt = current_attempt.get()
        while True:
            self._socket.settimeout(min(attempt.read_seconds_left(), _LOOK_SECONDS))
            try:
                return self._socket.recv(max_bytes)
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        attempt = current_attempt.get()
        left = memoryview(buffer)
        while left:
            self._socket.settimeout(min(attempt.read_seconds_left(), _LOOK_SECONDS))
            try:
                left = left[self._socket.send(left) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        seconds = current_attempt.get().read_seconds_left()
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve_host(host: str, port: int) -> list[str]:
    """The host's addresses in the order to try them; ``127.1`` and the like are addresses too.

    Raises:
        NameNotResolved: it has none, or the resolver took longer than the exchange may.
    """
    if _is_address(host):
        return [host]
    found: list[str] = []
    failures: list[Exception] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failures.append(error)
        else:
            found.extend(dict.fromkeys(str(entry[4][0]) for entry in entries))

    # The resolver knows no deadline: it is left behind when ours comes.
    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(current_attempt.get().read_seconds_left())
    if thread.is_alive():
        raise TimedOut(f"{host} could not be resolved in time.")
    if failures or not found:
        raise NameNotResolved(f"{host} could not be resolved.")
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def refuse_inward(host: str, addresses: Sequence[str]) -> None:
    """Refuse a host of which any address leads inwards.

    Raises:
        TargetRefused: naming what kind of address it is.
    """
    for text in addresses:
        refusal = find_address_refusal(ipaddress.ip_address(text.partition("%")[0]))
        if refusal is not None:
            raise TargetRefused(
                f"{host} is at a {refusal} address, and actions may talk to public addresses only "
                "(CLOCKHOOK_ALLOW_PRIVATE_TARGETS lifts this)."
            )
