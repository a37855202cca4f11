"""The component form as it is written, in snake case or camel case."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from webhooks.rules.components import Component, ComponentForm, HeaderCheck

COMPONENT_NAMES = ("signature_verification", "signatureVerification", "authentication")
_FORM_NAMES = ("signature_verification", "signatureVerification")
_HINT_LENGTH = 4
# The end of a shorter value would be half of it.
_MIN_HINTED = 8
_WORD_START = re.compile(r"(?<=[a-z0-9])([A-Z])")


class NothingToKeep(ValueError):
    """The header of this index has no value that could be kept."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def find_component_form(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """The component form in snake case: under its name, or the document itself; else None."""
    for name in _FORM_NAMES:
        if isinstance(document.get(name), Mapping):
            return snake_members(document[name])
    return snake_members(document) if isinstance(document.get("signature"), Mapping) else None


def snake_members(value: Mapping[str, Any]) -> dict[str, Any]:
    """The object with the names of its members in snake case, at every depth."""
    return {
        _WORD_START.sub(lambda match: "_" + match[1].lower(), str(name)): _snake(member)
        for name, member in value.items()
    }


def _snake(value: Any) -> Any:
    if isinstance(value, Mapping):
        return snake_members(value)
    return [_snake(member) for member in value] if isinstance(value, list) else value


def build_component_form(form: Mapping[str, Any]) -> ComponentForm:
    """What a checked form means."""
    signature = form["signature"]
    validation = form.get("validation") or {}
    return ComponentForm(
        signature=_build_component({**signature, "required": True}),
        prefix=signature.get("prefix") or "",
        components=tuple(_build_component(part) for part in form["signed_components"]),
        separator=_read_separator(form),
        is_empty_body_allowed=validation.get("allow_empty_body", True),
        is_normalized=validation.get("normalize_unicode", False),
    )


def build_authentication(stated: Mapping[str, Any]) -> tuple[HeaderCheck, ...]:
    """The headers that must match; each with its value, or the value's SHA-256 as it is kept."""
    return tuple(_build_check(header) for header in stated["headers"])


def seal_authentication(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the SHA-256 and the last characters of the headers' values only."""
    return _map_headers(document, _seal_header)


def keep_values(document: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """A sealed document whose headers with ``keep_existing`` have the values of those of the same
    name in ``kept``.

    Raises:
        NothingToKeep: there is none of that name.
    """
    values = {header["name"].lower(): header for header in _list_headers(kept)}
    for index, header in enumerate(_list_headers(document)):
        if header.get("keep_existing") and header["name"].lower() not in values:
            raise NothingToKeep(index)
    return _map_headers(
        document,
        lambda header: (
            {**values[header["name"].lower()], "name": header["name"]}
            if header.get("keep_existing")
            else dict(header)
        ),
    )


def show_authentication(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the API shows it, and takes it back: of a header's value only its end."""
    return _map_headers(
        document,
        lambda header: {
            "name": header["name"],
            "hint": header.get("hint", ""),
            "keep_existing": True,
        },
    )


def _list_headers(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    stated = document.get("authentication")
    headers: Sequence[Mapping[str, Any]] = stated["headers"] if isinstance(stated, Mapping) else ()
    return headers


def _map_headers(
    document: Mapping[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    headers = _list_headers(document)
    if not headers:
        return dict(document)
    return {**document, "authentication": {"headers": [change(header) for header in headers]}}


def _build_check(header: Mapping[str, Any]) -> HeaderCheck:
    if "value_sha256" in header:
        return HeaderCheck(header["name"].lower(), bytes.fromhex(header["value_sha256"]))
    if header.get("keep_existing"):
        # Until it is known what is kept, no value is equal to it.
        return HeaderCheck(header["name"].lower(), b"")
    return HeaderCheck.from_value(header["name"], header["value"])


def _seal_header(header: Mapping[str, Any]) -> dict[str, Any]:
    if "value_sha256" in header or header.get("keep_existing"):
        return dict(header)
    value = header["value"]
    digest = HeaderCheck.from_value(header["name"], value).digest.hex()
    hint = value[-_HINT_LENGTH:] if len(value) >= _MIN_HINTED else ""
    return {"name": header["name"], "value_sha256": digest, "hint": hint}


def _read_separator(form: Mapping[str, Any]) -> str:
    join = form.get("component_join") or {}
    return str(join.get("separator") or form.get("component_separator") or "")


def _build_component(part: Mapping[str, Any]) -> Component:
    key = part.get("key")
    return Component(
        kind=part["source"],
        key=key.lower() if part["source"] == "header" and isinstance(key, str) else key,
        value=part.get("value") or "",
        pattern=part.get("regex") or None,
        is_required=part.get("required", True) is not False,
    )
