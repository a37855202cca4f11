"""Calls of the API of actions."""

import json
from typing import Any

from django.test import Client

from tests.actions.conftest import Person

BODY = {"name": "Greet", "action_type": "noop"}


def send(client: Client, method: str, url: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return client.generic(method, url, content, content_type="application/json")


def create(person: Person, **fields: Any) -> dict[str, Any]:
    response = send(person.client, "POST", person.url, {**BODY, **fields})
    assert response.status_code == 201, response.content
    return dict(response.json())


def list_pointers(response: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in json.loads(response.content)["errors"]]
