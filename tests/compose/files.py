"""Reads the files of a deployment as an engine would, as far as ours go."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.sources import ROOT

SECRETS = ("POSTGRES_PASSWORD", "CLOCKHOOK_SECRET_KEY", "CLOCKHOOK_ENCRYPTION_KEYS")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


class VariableMissing(Exception):
    """A variable with ``:?`` is unset or empty."""


def read_compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


def read_compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with its variables filled in, in values alone, as Compose does it."""
    filled: dict[str, Any] = _fill_in(yaml.safe_load(read_compose_text()), variables)
    return filled


def _fill_in(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _fill_in(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill_in(value, variables) for value in node]
    return interpolate(node, variables) if isinstance(node, str) else node


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``. Raises: VariableMissing."""

    def fill(found: re.Match[str]) -> str:
        value = variables.get(found["name"], "")
        if value or found["kind"] is None:
            return value
        if found["kind"] == "?":
            raise VariableMissing(f"{found['name']} {found['rest']}")
        return found["rest"]

    filled = _VARIABLE.sub(fill, text)
    assert "$" not in filled, f"not understood: {filled}"
    return filled


def list_variables() -> set[str]:
    """Every variable that the compose file asks its ``.env`` for."""
    return {found["name"] for found in _VARIABLE.finditer(read_compose_text())}


def list_required_variables() -> set[str]:
    return {f["name"] for f in _VARIABLE.finditer(read_compose_text()) if f["kind"] == "?"}


def read_env_example() -> dict[str, str]:
    """The variables of ``.env.example`` and their values."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    assert all(separator for _, separator, _ in pairs)
    return {name: value for name, _, value in pairs}


def read_instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in their order, continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", text)
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def read_image_environment() -> dict[str, str]:
    """What the final stage's ENV instructions set."""
    instructions = read_instructions()
    last_stage = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    settings = [rest for word, rest in instructions[last_stage:] if word == "ENV"]
    pairs = [pair.partition("=") for rest in settings for pair in rest.split()]
    return {name: value.strip('"') for name, _, value in pairs}


def read_copied_paths() -> Iterable[str]:
    """What the Dockerfile takes from the checkout."""
    for word, rest in read_instructions():
        if word == "COPY" and not rest.startswith("--from"):
            yield from rest.split()[:-1]


def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((Path(__file__).parent / "compose-spec.json").read_text())
    return schema
