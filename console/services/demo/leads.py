"""Leads posted to a running stack as a CRM would post them, and their chains as they grow.

What it does, anybody could do who has a key: it talks HTTP only.
"""

import datetime as dt
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from console.services.demo.scene import LEAD_TRIGGER_KEY

_DESTINATION_KEY = "make-demo"
# Three seconds: long enough to be seen, short enough to be waited for.
_RETRY_BACKOFF_MINUTES = 0.05
_POLL_SECONDS = 0.5
_ENDINGS = {"outbound.completed", "outbound.failed", "outbound.cancelled", "trigger.failed"}
_NAME_WIDTH = 6

Say = Callable[[str], object]


class DemoFailed(Exception):
    """The stack did not do what the demonstration asks of it; the text says what."""


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody to call; ``promise`` says how the console provider will take it."""

    name: str
    phone: str
    promise: str


LEADS = (
    Lead("Ada", "+14155550100", "answers"),
    Lead("Grace", "+14155550002", "is busy twice, then answers"),
    Lead("Alan", "+14155550003", "cannot be called"),
)


@dataclass(slots=True)
class _Chain:
    lead: Lead
    run_id: str
    posted_at: dt.datetime
    events: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return bool(self.events) and self.events[-1]["event_type"] in _ENDINGS


def show_leads(
    *, root_url: str, api_key: str, say: Say, seconds: float, leads: Sequence[Lead] = LEADS
) -> bool:
    """Post the leads and say what happens, until every chain has ended (True) or ``seconds`` have
    passed. ``root_url`` is ``…/v1/{workspace_id}``.

    Raises:
        DemoFailed: the stack refuses something, or goes away.
    """
    with _open_client(root_url, api_key) as client:
        url, secret = _prepare_destination(client)
        say(f"The CRM posts to {url}")
        say("")
        chains = [_post_lead(client, lead, url=url, secret=secret, say=say) for lead in leads]
        say("")
        say("Each chain as it grows; seconds count from its post:")
        say("")
        deadline = time.monotonic() + seconds
        while not all(chain.has_ended for chain in chains) and time.monotonic() < deadline:
            for chain in chains:
                for event in _read_news(client, chain):
                    say(_render_event(event, chain))
            time.sleep(_POLL_SECONDS)
        say("")
        for chain in chains:
            say(_render_chain(chain))
        return all(chain.has_ended for chain in chains)


@contextmanager
def _open_client(root_url: str, api_key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        # Our own address: a proxy from the environment has no business with it.
        with httpx.Client(base_url=root_url, headers=headers, timeout=10, trust_env=False) as it:
            yield it
    except httpx.HTTPStatusError as error:
        request, answer = error.request, error.response
        raise DemoFailed(
            f"{request.method} {request.url} was answered {answer.status_code}: {answer.text[:300]}"
        ) from error
    except httpx.HTTPError as error:
        raise DemoFailed(f"{root_url} stopped answering: {error}") from error


def _prepare_destination(client: httpx.Client) -> tuple[str, str]:
    """The demonstration's own destination, with a secret that was made for this time."""
    found = _find(client, "/webhook-destinations", external_key=_DESTINATION_KEY)
    if found is not None:
        path = f"/webhook-destinations/{found['id']}/rotate-secret"
        return found["url"], _post(client, path, {"overlap_seconds": 0})["secret"]
    trigger = _find(client, "/triggers", external_key=LEAD_TRIGGER_KEY)
    if trigger is None:
        raise DemoFailed("The demonstration's trigger for leads was deleted.")
    made = _post(
        client,
        "/webhook-destinations",
        {
            "name": "make demo",
            "external_key": _DESTINATION_KEY,
            "trigger_id": trigger["id"],
            "accepted_event_types": ["lead.created"],
            "field_mapping": {
                "phone_to": "contact.phone",
                "retry_backoff_minutes": "retry_backoff_minutes",
            },
        },
    )
    return made["url"], made["secret"]


def _post_lead(client: httpx.Client, lead: Lead, *, url: str, secret: str, say: Say) -> _Chain:
    number = secrets.token_hex(3)
    payload = {
        "type": "lead.created",
        "lead_id": number,
        "contact": {"name": lead.name, "phone": lead.phone},
        "retry_backoff_minutes": _RETRY_BACKOFF_MINUTES,
    }
    body = json.dumps(payload).encode()
    posted_at = dt.datetime.fromtimestamp(time.time(), dt.UTC)
    headers = {**_sign(body, secret), "x-amigo-idempotent-key": f"lead-{number}"}
    answer = client.post(url, content=body, headers=headers).raise_for_status().json()
    if answer["status"] != "fired":
        raise DemoFailed(f"The delivery was {answer['status']}: is the trigger for leads paused?")
    say(f"  {lead.name:<{_NAME_WIDTH}} {lead.phone}  {lead.promise:<28}  run {answer['run_id']}")
    return _Chain(lead, answer["run_id"], posted_at)


def _sign(body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(time.time_ns() // 1_000_000)
    signed = f"v1:{timestamp}:".encode() + body
    return {
        "content-type": "application/json",
        "x-amigo-request-timestamp": timestamp,
        "x-amigo-request-signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }


def _read_news(client: httpx.Client, chain: _Chain) -> list[Mapping[str, Any]]:
    answer = client.get(f"/runs/{chain.run_id}/events").raise_for_status()
    known = len(chain.events)
    chain.events = answer.json()["items"]
    return chain.events[known:]


def _render_event(event: Mapping[str, Any], chain: _Chain) -> str:
    offset = _measure(event["effective_at"], chain)
    line = f"  +{offset:6.2f} s  {chain.lead.name:<{_NAME_WIDTH}} {event['event_type']:<20}"
    return f"{line} {_describe(event['data'], chain)}".rstrip()


def _describe(data: Mapping[str, Any], chain: _Chain) -> str:
    notes = []
    if "attempt" in data:
        notes.append(f"attempt {data['attempt']}")
    if "reason" in data and "phone_to" not in data:
        notes.append(str(data["reason"]))
    if data.get("outcome"):
        notes.append(str(data["outcome"]))
    if data.get("next_attempt_at") and "error" in data:
        notes.append(f"again at +{_measure(data['next_attempt_at'], chain):.2f} s")
    return ", ".join(notes)


def _render_chain(chain: _Chain) -> str:
    types = " → ".join(event["event_type"] for event in chain.events)
    chain_id = chain.events[0]["chain_id"] if chain.events else "not begun"
    pending = "" if chain.has_ended else " → … (not ended yet)"
    return f"{chain.lead.name}, chain {chain_id}\n  {types}{pending}"


def _measure(moment: str, chain: _Chain) -> float:
    # Another clock's second may begin a little earlier.
    return max(0.0, (dt.datetime.fromisoformat(moment) - chain.posted_at).total_seconds())


def _find(client: httpx.Client, path: str, *, external_key: str) -> dict[str, Any] | None:
    parameters: dict[str, str] = {}
    while True:
        page = client.get(path, params=parameters).raise_for_status().json()
        for item in page["items"]:
            if item["external_key"] == external_key:
                return dict(item)
        if not page["has_more"]:
            return None
        parameters["cursor"] = page["next_cursor"]


def _post(client: httpx.Client, path: str, body: Mapping[str, Any]) -> Any:
    return client.post(path, json=body).raise_for_status().json()
