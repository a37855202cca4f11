"""The public door on WSGI: what it answers itself, and what it leaves to Django."""

import io
import json
import wsgiref.util
from collections.abc import Iterable
from typing import Any

import pytest

from config.hooks import build_application
from runs.models import Run
from tests.webhooks.factories import SECRET, DestinationFactory
from tests.webhooks.signing import build_headers
from webhooks.models import Destination
from workspaces.services import new_id

BODY = json.dumps({"type": "lead.created"}).encode()


def answer_site(_: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("299 Site", [])
    return [b"site"]


def call(
    path: str, *, method: str = "POST", body: bytes = BODY, headers: dict[str, str] | None = None
) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {}
    wsgiref.util.setup_testing_defaults(environ)
    environ |= {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in (headers or {}).items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    started: list[Any] = []

    def start_response(*given: Any) -> Any:
        started.append(given)

    pieces = build_application(answer_site)(environ, start_response)
    status, given = started[0]
    return status, dict(given), b"".join(pieces)


@pytest.fixture
def destination(db: None, monkeypatch: pytest.MonkeyPatch) -> Destination:
    monkeypatch.setattr("runs.services.ring", lambda *_: None)
    # The connection is the test's: the door must not give it back.
    monkeypatch.setattr("config.hooks.lay_connection_down", lambda: None)
    return DestinationFactory()


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/hooks", "/v1/hooks/", "/v1/hooks/a/b", "/v1/a/b/hooks/c", "/v2/hooks/a", "/v1/a"],
)
def test_all_other_paths_are_left_to_the_site(path: str) -> None:
    assert call(path)[::2] == ("299 Site", b"site")


@pytest.mark.parametrize("prefix", ["/v1/hooks", "/v1/{workspace_id}/hooks"])
def test_a_signed_delivery_fires(destination: Destination, prefix: str) -> None:
    path = f"{prefix.format(workspace_id=destination.workspace_id)}/{destination.pk}"
    status, headers, body = call(path, headers=build_headers(SECRET, BODY))
    assert (status, json.loads(body)["status"]) == ("200 OK", "fired")
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == str(len(body))
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert Run.objects.count() == 1


def test_a_refusal_carries_the_callers_request_id(destination: Destination) -> None:
    path = f"/v1/hooks/{destination.pk}"
    status, headers, body = call(path, headers={"X-Request-ID": "given-1"})
    assert (status, headers["WWW-Authenticate"]) == ("401 Unauthorized", "Signature")
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Request-ID"] == json.loads(body)["request_id"] == "given-1"
    assert json.loads(body)["instance"] == path


@pytest.mark.django_db
@pytest.mark.usefixtures("destination")
@pytest.mark.parametrize("last", [str(new_id()), "not-an-id", "\xff\xfe", "%00", "a\r\nb"])
def test_garbage_in_the_path_is_a_404(last: str) -> None:
    status, _, body = call(f"/v1/hooks/{last}")
    assert (status, json.loads(body)["code"]) == ("404 Not Found", "not_found")


@pytest.mark.usefixtures("destination")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_405(method: str) -> None:
    status, headers, _ = call("/v1/hooks/a", method=method)
    assert (status, headers["Allow"]) == ("405 Method Not Allowed", "POST")


def test_a_destinations_own_answer_leaves_as_it_is(destination: Destination) -> None:
    own = {"status": 202, "content_type": "text/xml", "body": "<ok>\u00e9</ok>"}
    Destination.objects.update(response=own)
    status, headers, body = call(f"/v1/hooks/{destination.pk}", headers=build_headers(SECRET, BODY))
    assert (status, headers["Content-Type"]) == ("202 Accepted", "text/xml")
    assert body.decode() == own["body"]
    assert headers["Content-Length"] == str(len(body))


def test_a_head_is_answered_without_a_body(destination: Destination) -> None:
    Destination.objects.update(verification={"preset": "intercom"})
    path = f"/v1/hooks/{destination.pk}"
    status, headers, body = call(path, method="HEAD", body=b"")
    assert (status, body) == ("200 OK", b"")
    status, headers, body = call(f"/v1/hooks/{new_id()}", method="HEAD", body=b"")
    assert (status, body) == ("404 Not Found", b"")
    assert int(headers["Content-Length"]) > 0
