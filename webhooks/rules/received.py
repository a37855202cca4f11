"""A request as it came in: what is verified, and nothing that a framework made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """Names in ``headers`` are in lower case; ``body`` is the raw bytes.

    ``is_oversized``: there were more than the limit; ``size`` were counted, and none is kept.
    """

    method: str
    # As the caller wrote them: "/v1/hooks/…", "a=1&b=2".
    path: str
    query: str = ""
    # The whole public URL that the sender was given, as it wrote it; where a scheme signs it.
    url: str = ""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    size: int
    is_oversized: bool = False
    # Whoever connected to us: the sender, or the last proxy before us.
    address: str = ""
    # Filled by `bodies.parse_request`: verifying and understanding read the same payload.
    parsed: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


def build_url(public_url: str, path: str, query: str) -> str:
    """The whole URL that the sender was given."""
    return f"{public_url}{path}{query and '?' + query}"
