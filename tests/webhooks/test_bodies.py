"""The body at the door: read raw, counted while it is read, whatever the headers say of it."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import RequestFactory
from django.test.client import ClientHandler

from tests.webhooks.conftest import LEAD, Sender, build_path, read_only_delivery
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.signing import build_headers
from webhooks.models import Delivery, Destination
from webhooks.services.ledger import read_request
from workspaces.services import new_id

pytestmark = pytest.mark.django_db

LIMIT = 1024 * 1024


@dataclass
class Stream:
    """``wsgi.input`` of a server that decodes chunks: small pieces, then the end."""

    body: bytes
    piece: int = 1000
    taken: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._source = io.BytesIO(self.body)

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(min(self.piece, size) if size >= 0 else self.piece)
        self.taken += len(data)
        return data

    readline = read


class BrokenStream:
    """The caller went away in the middle."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("connection reset")

    readline = read


def call(path: str, stream: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Send one request through all middleware, with exactly these headers."""
    environ = RequestFactory().generic("POST", path).environ
    for name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        environ.pop(name, None)
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_LENGTH" else f"HTTP_{key}"] = value
    environ["wsgi.input"] = stream
    answer: Any = ClientHandler()(environ)
    return answer.status_code, json.loads(answer.content)


def test_a_chunked_body_is_read_to_its_end(destination: Destination) -> None:
    body = json.dumps({**LEAD, "padding": "x" * 300_000}).encode()
    headers = {**build_headers(SECRET, body), "transfer-encoding": "chunked"}
    status, answer = call(build_path(destination), Stream(body), headers)
    assert (status, answer["status"]) == (200, "fired")
    assert read_only_delivery(destination).body_size == len(body)


def test_a_chunked_body_over_the_limit_is_not_read_to_its_end(destination: Destination) -> None:
    body = b"x" * (3 * LIMIT)
    stream = Stream(body, piece=100_000)
    headers = {**build_headers(SECRET, body), "transfer-encoding": "chunked"}
    status, answer = call(build_path(destination), stream, headers)
    assert (status, answer["code"]) == (413, "payload_too_large")
    assert stream.taken <= LIMIT + 1
    delivery = read_only_delivery(destination)
    assert (delivery.status, delivery.cause) == ("rejected", "payload_too_large")
    assert delivery.body is None
    assert delivery.body_size > LIMIT


def test_without_a_length_and_without_chunks_there_is_no_body(destination: Destination) -> None:
    stream = Stream(b"never to be read")
    status, answer = call(build_path(destination), stream, build_headers(SECRET, b""))
    assert (status, answer["code"]) == (400, "bad_request")
    assert stream.taken == 0


def test_a_length_is_never_read_past(destination: Destination) -> None:
    body = json.dumps(LEAD).encode()
    stream = Stream(body + b"the next request of the connection")
    headers = {**build_headers(SECRET, body), "content-length": str(len(body))}
    assert call(build_path(destination), stream, headers)[0] == 200
    assert stream.taken == len(body)


@pytest.mark.parametrize("length", [str(10**30), str(5 * LIMIT)])
def test_a_boasting_length_costs_no_more_than_the_body(
    destination: Destination, length: str
) -> None:
    body = json.dumps(LEAD).encode()
    headers = {**build_headers(SECRET, body), "content-length": length}
    assert call(build_path(destination), Stream(body), headers)[0] == 200


@pytest.mark.parametrize("length", ["-1", "abc", "1.5", "+5", "", "\u0662"])
def test_a_senseless_length_is_no_body(destination: Destination, length: str) -> None:
    headers = {**build_headers(SECRET, b"{}"), "content-length": length}
    status, _ = call(build_path(destination), Stream(b"{}"), headers)
    assert status in {400, 401}


def test_a_body_that_breaks_off_is_refused(destination: Destination) -> None:
    body = json.dumps(LEAD).encode()
    headers = {**build_headers(SECRET, body), "content-length": str(len(body))}
    assert call(build_path(destination), Stream(body[:-1]), headers)[0] == 401
    status, answer = call(build_path(destination), BrokenStream(), headers)
    assert (status, answer["code"]) == (400, "bad_request")


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413)])
def test_the_limit_is_one_mebibyte(
    sender: Sender, destination: Destination, size: int, status: int
) -> None:
    padding = "x" * (size - len(json.dumps({"p": ""})))
    body = json.dumps({"p": padding}).encode()
    assert len(body) == size
    assert sender.post(destination, body).status_code == status


def test_size_is_checked_before_the_destination_is_looked_up(
    sender: Sender, destination: Destination
) -> None:
    body = b"x" * (LIMIT + 1)
    answer = sender.post(destination, body, path=f"/v1/hooks/{new_id()}")
    assert answer.status_code == 413
    assert not Delivery.objects.exists()


def test_an_oversized_body_is_refused_before_its_signature_is_checked(sender: Sender) -> None:
    destination = DestinationFactory()
    answer = sender.post(destination, b"x" * (LIMIT + 1), headers={})
    assert answer.status_code == 413


@pytest.mark.parametrize(("size", "is_kept"), [(256 * 1024, True), (256 * 1024 + 1, False)])
def test_a_rejected_body_is_kept_whole_or_not_at_all(
    sender: Sender, destination: Destination, size: int, is_kept: bool
) -> None:
    sender.post(destination, b"y" * size, headers={})
    delivery = read_only_delivery(destination)
    assert delivery.body_size == size
    request = read_request(delivery)
    assert (request is not None) is is_kept
    assert request is None or request.body == b"y" * size
