"""Requests that nobody should send: every part of them of many shapes, some of them signed."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.webhooks.signing import build_headers

MEBIBYTE = 1024 * 1024


class Broken(io.BytesIO):
    """A sender that hangs up in the middle."""

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise OSError("connection reset")
        return piece


@dataclass(frozen=True)
class Junk:
    """One request. ``path`` holds ``{id}`` and ``{ws}``; ``target`` chooses whose."""

    method: str
    path: str
    target: int
    query: str
    headers: dict[str, str]
    body: bytes
    length: str
    is_chunked: bool
    is_signed: bool
    breaks_off: bool

    def __repr__(self) -> str:
        shown = f"{self.body[:80]!r}… ({len(self.body)} bytes)"
        return f"Junk({self.method} {self.path}?{self.query[:80]} {shown} {self.headers!r:.300})"

    def build_environ(self, *, path: str, secret: str) -> dict[str, Any]:
        """What a WSGI server makes of it."""
        headers = dict(self.headers)
        if self.is_signed:
            headers |= build_headers(secret, self.body, key=headers.get("x-amigo-idempotent-key"))
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": self.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": (Broken if self.breaks_off else io.BytesIO)(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        if self.is_chunked:
            environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            environ["CONTENT_LENGTH"] = self.length or str(len(self.body))
        return environ


def nest(depth: int, opening: str) -> bytes:
    closing = {"[": "]", '{"a":': "}"}[opening]
    return (opening * depth + closing * depth).encode()


latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
numbers = st.sampled_from(
    [
        "1" * 5000,
        "1e999",
        "-1e999",
        "1E400",
        "0" * 40,
        "9" * 16,
        "-1",
        "NaN",
        "Infinity",
        "١٢٣",
        "1_0",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
wanted = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("type", "event", "action", "id", "token", "signature"), values)
)
odd_json = st.sampled_from(
    [
        b"",
        b" ",
        b"{",
        b"null",
        b'"\\ud800"',
        b'{"a":"\\u0000"}',
        b'{"a":1,"a":2}',
        b'{"type":"' + b"x" * 5000 + b'"}',
        b'{"type":{"type":{"type":1}}}',
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b"%" * 3000,
        b"&".join(b"a=%d" % n for n in range(3000)),
        b"payload=%7B%7D",
        b"\x1f\x8b\x08\x00garbage",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n",
    ]
)
bodies = st.one_of(
    st.binary(max_size=300),
    odd_json,
    st.builds(lambda value: json.dumps(value).encode(), values | wanted),
    st.builds(lambda text: f'{{"n":{text}}}'.encode(), numbers),
    st.builds(
        nest, st.sampled_from([10, 64, 65, 500, 20_000, 90_000]), st.sampled_from(["[", '{"a":'])
    ),
    st.builds(lambda size: b"[" + b"0," * (size // 2) + b"0]", st.sampled_from([2000, 200_000])),
)
large = st.sampled_from([MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE, 300 * 1024]).map(
    lambda size: b"x" * size
)
header_values = st.one_of(
    latin.map(lambda text: text[:200]),
    numbers.map(lambda text: text.encode().decode("latin-1")),
    st.sampled_from(
        [
            "",
            " ",
            ",".join(["v1=" + "0" * 64] * 500),
            "t=1,v1=",
            "v1," + "A" * 44,
            "sha256=" + "g" * 64,
            "sha256=" + "0" * 64,
            "x" * 60_000,
            "Bearer " + ".".join(["e30"] * 3),
            "Basic " + "=" * 50,
            "a.b." + "A" * 9000,
        ]
    ),
)
header_names = st.sampled_from(
    [
        "x-amigo-request-signature",
        "x-amigo-request-timestamp",
        "x-amigo-idempotent-key",
        "x-hub-signature-256",
        "x-github-event",
        "x-github-delivery",
        "stripe-signature",
        "x-slack-signature",
        "x-slack-request-timestamp",
        "x-twilio-signature",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-signature-ed25519",
        "x-signature-timestamp",
        "authorization",
        "content-type",
        "content-encoding",
        "cookie",
        "x-request-id",
        "expect",
        "host",
        "x-forwarded-proto",
    ]
)
headers = st.dictionaries(header_names, header_values, max_size=6)
paths = st.one_of(
    st.just("/v1/{ws}/hooks/{id}"),
    st.just("/v1/hooks/{id}"),
    st.sampled_from(
        [
            "/v1/hooks/{ws}",
            "/v1/{id}/hooks/{id}",
            "/v1/hooks/{id}/",
            "/v1/hooks/",
            "/v1//hooks/{id}",
            "/v1/hooks/{id}/../{id}",
            "/v1/hooks/\x00",
            "/v1/hooks/" + "9" * 4000,
            "/v1/hooks/ÿ☃",
        ]
    ),
    latin.map(lambda text: "/v1/hooks/" + text.replace("{", "").replace("}", "")[:60]),
)
# As a list: equal branches of one_of count once.
methods = st.sampled_from(
    [
        *["POST"] * 40,
        "GET",
        "HEAD",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "JUNK",
        "post",
        "",
    ]
)
queries = st.one_of(
    st.just(""),
    latin.map(lambda text: text[:100]),
    st.sampled_from(
        [
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x",
            "hub.mode=subscribe&hub.challenge=" + "1" * 9000,
            "a=1&" * 2000,
            "bodySHA256=0",
            "%ff%00%zz",
        ]
    ),
)
requests = st.builds(
    Junk,
    method=methods,
    path=st.sampled_from([False, False, False, True]).flatmap(
        lambda is_odd: paths if is_odd else st.just("/v1/{ws}/hooks/{id}")
    ),
    target=st.integers(0, 99),
    query=queries,
    headers=headers,
    body=st.integers(0, 15).flatmap(lambda number: large if number == 15 else bodies),
    length=st.sampled_from([*[""] * 8, "0", "-1", "abc", "9" * 30, "5", " 7", "\uff11"]),
    is_chunked=st.sampled_from([True, False, False]),
    is_signed=st.sampled_from([True, False]),
    breaks_off=st.sampled_from([True, *[False] * 9]),
)


@dataclass
class Tally:
    """What came of them."""

    statuses: dict[int, int] = field(default_factory=dict)
    slowest: float = 0.0
    what_was_slowest: str = ""
    spent: float = 0.0

    def add(self, status: int, seconds: float, junk: Junk) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.spent += seconds
        if seconds > self.slowest:
            self.slowest, self.what_was_slowest = seconds, repr(junk)

    def __str__(self) -> str:
        number = sum(self.statuses.values())
        counts = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        mean = self.spent / max(number, 1) * 1000
        return (
            f"{number} requests ({counts}); {mean:.1f} ms each on average, "
            f"the slowest {self.slowest * 1000:.1f} ms: {self.what_was_slowest}"
        )
