"""Nothing leads inwards: whatever way the address is written, resolved or redirected to."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import httpcore
import pytest

from actions.kinds import KINDS, guarded_http
from actions.kinds.base import Completed, Failed, Outcome
from actions.kinds.guarded_http import close_connections
from tests.actions.factories import build_call
from tests.actions.sink import Sink

pytestmark = pytest.mark.usefixtures("public_targets_only")


def send(url: str, **changes: Any) -> Outcome:
    config = {"url": url, "method": "GET", **changes.pop("config", {})}
    return KINDS["http_request"].perform(build_call("http_request", config=config, **changes))


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes every name resolve to these addresses, and returns the names that were looked up."""

    def install(*addresses: str) -> list[str]:
        asked: list[str] = []
        real = socket.getaddrinfo

        def answer(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
            if host in addresses:
                return real(host, port, *arguments, **options)
            asked.append(host)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", answer)
        return asked

    return install


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The addresses that are connected to; none of them answers."""
    calls: list[tuple[str, int]] = []

    def refuse(_: Any, host: str, port: int, **__: Any) -> httpcore.NetworkStream:
        calls.append((host, port))
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", refuse)
    return calls


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0",
        "0.0.0.0",  # noqa: S104 - as a target
        "127.0.0.1.", "localhost.", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fc00::1]",
        "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.169.254", "224.0.0.1",
        "255.255.255.255", "①②⑦.⓪.⓪.①", "127。0。0。1",
    ],
)  # fmt: skip
def test_inward_hosts_are_refused_for_good_and_never_reached(host: str, sink: Sink) -> None:
    outcome = send(f"http://{host}:{sink.port}/")
    assert isinstance(outcome, Failed)
    assert outcome.code in ("target_refused", "connection_failed", "invalid_url")
    if outcome.code == "target_refused":
        assert not outcome.retryable
        assert "CLOCKHOOK_ALLOW_PRIVATE_TARGETS" in outcome.message
    assert sink.received == []
    assert sink.connections == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_loopback_in_its_many_spellings_is_named_as_refused(host: str) -> None:
    outcome = send(f"http://{host}:9/")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("target_refused", False)


def test_a_name_is_refused_when_any_of_its_addresses_leads_inwards(
    resolve: Callable[..., list[str]], dialled: list[tuple[str, int]]
) -> None:
    resolve("8.8.8.8", "10.0.0.1")
    outcome = send("http://two-faced.example/")
    assert isinstance(outcome, Failed)
    assert outcome.code == "target_refused"
    assert dialled == []


def test_a_name_is_resolved_once_and_the_checked_address_is_dialled(
    resolve: Callable[..., list[str]], dialled: list[tuple[str, int]]
) -> None:
    asked = resolve("8.8.8.8")
    outcome = send("https://public.example/")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("connection_failed", True)
    assert asked == ["public.example"]
    assert dialled == [("8.8.8.8", 443)]


def test_all_addresses_of_a_name_are_tried_but_not_for_ever(
    resolve: Callable[..., list[str]], dialled: list[tuple[str, int]]
) -> None:
    resolve(*(f"8.8.8.{n}" for n in range(9)))
    send("http://many.example:81/")
    assert dialled == [(f"8.8.8.{n}", 81) for n in range(4)]


def test_an_address_that_swallows_the_attempt_is_a_timeout(
    resolve: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def swallow(*_: Any, **__: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectTimeout

    resolve("8.8.8.8")
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", swallow)
    outcome = send("http://silent.example/")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("timeout", True)


def test_host_and_tls_keep_the_name_while_the_address_is_dialled(
    resolve: Callable[..., list[str]], sink: Sink, settings: Any
) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True
    resolve("127.0.0.1")
    outcome = send(f"http://named.example:{sink.port}/")
    assert isinstance(outcome, Completed)
    assert sink.received[0].headers["Host"] == f"named.example:{sink.port}"


def test_a_redirect_inwards_is_an_answer_and_is_not_followed(sink: Sink, settings: Any) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True
    sink.status, sink.headers = 302, {"Location": "http://169.254.169.254/latest/meta-data/"}
    outcome = send(f"{sink.url}/", config={"success_statuses": [302]})
    assert isinstance(outcome, Completed)
    assert outcome.output["headers"]["location"] == "http://169.254.169.254/latest/meta-data/"
    assert len(sink.received) == 1


def test_a_kept_connection_is_not_used_once_private_targets_are_refused(
    sink: Sink, settings: Any
) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True
    assert isinstance(send(f"{sink.url}/"), Completed)
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = False
    outcome = send(f"{sink.url}/")
    assert isinstance(outcome, Failed)
    assert outcome.code == "target_refused"
    assert len(sink.received) == 1


def test_a_resolver_that_hangs_does_not_outlast_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        released.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    outcome = send("http://slow.example/", timeout_seconds=0.2)
    released.set()
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("timeout", True)


def test_a_name_without_addresses_does_not_resolve(resolve: Callable[..., list[str]]) -> None:
    resolve()
    outcome = send("http://empty.example/")
    assert isinstance(outcome, Failed)
    assert outcome.code == "connection_failed"


def test_kept_connections_can_be_closed_and_opened_anew(sink: Sink, settings: Any) -> None:
    settings.CLOCKHOOK_ALLOW_PRIVATE_TARGETS = True
    for _ in range(2):
        assert isinstance(send(f"{sink.url}/"), Completed)
        close_connections()
    assert sink.connections == 2


def test_a_forks_parent_keeps_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    untouchable = object()
    monkeypatch.setitem(guarded_http._pools, (-1, True), untouchable)
    close_connections()
    assert guarded_http._pools[(-1, True)] is untouchable
