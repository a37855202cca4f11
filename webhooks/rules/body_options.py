"""What a destination says of its sender's bodies, where that differs from the preset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webhooks.rules.bodies import FORMATS, is_body_format
from webhooks.rules.event_types import DEFAULT_PATHS, is_event_path, list_headers, reads_header
from webhooks.rules.sources import BODY, HEADER
from webhooks.rules.verification import VerificationConfig
from workspaces.rules.problems import FieldError

MAX_PATHS = 8
MAX_PATH_LENGTH = 256
MAX_ELEMENTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyOptions:
    """A destination's fields of these names, the preset's where it has none of its own."""

    event_type_paths: tuple[str, ...] = DEFAULT_PATHS
    allow_unsigned_event_header: bool = False
    on_unaccepted_event: str = "reject"
    body_format: str = "json"
    batch: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the API shows them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in ((name, getattr(self, name)) for name in NAMES)
        }


NAMES = (
    "event_type_paths",
    "allow_unsigned_event_header",
    "on_unaccepted_event",
    "body_format",
    "batch",
)


def override_options(preset: BodyOptions, stated: Mapping[str, Any]) -> BodyOptions:
    """The preset's with what is stated and not null."""
    chosen = {
        name: stated[name] if stated.get(name) is not None else getattr(preset, name)
        for name in NAMES
    }
    return BodyOptions(**{**chosen, "event_type_paths": tuple(chosen["event_type_paths"])})


def check_paths(paths: Any) -> list[FieldError]:
    """What is wrong with ``event_type_paths``; empty when nothing is."""
    if not isinstance(paths, Sequence) or not 1 <= len(paths) <= MAX_PATHS:
        detail = f"This is a list of 1 to {MAX_PATHS} paths."
        return [FieldError("/event_type_paths", "invalid", detail)]
    detail = "Write a path (event.type), header:<name>, or texts around paths: {type}.{action}."
    return [
        FieldError(f"/event_type_paths/{index}", "invalid_path", detail)
        for index, path in enumerate(paths)
        if not isinstance(path, str) or len(path) > MAX_PATH_LENGTH or not is_event_path(path)
    ]


def check_body_format(value: Any) -> list[FieldError]:
    """What is wrong with a ``body_format``; empty when nothing is."""
    if is_body_format(value):
        return []
    detail = f"This is {', '.join(FORMATS)} or form_json:<name of the field>."
    return [FieldError("/body_format", "invalid_choice", detail)]


def check_options(options: BodyOptions, config: VerificationConfig) -> list[FieldError]:
    """What the destination's options and its verification make wrong together."""
    if options.allow_unsigned_event_header:
        return []
    signed = list_signed_headers(config)
    detail = "Nobody signs this header: allow_unsigned_event_header says that it counts even so."
    return [
        FieldError(f"/event_type_paths/{index}", "unsigned_header", detail)
        for index, path in enumerate(options.event_type_paths)
        if list_headers(path) - signed
    ]


def list_signed_headers(config: VerificationConfig) -> set[str]:
    """The headers, in lower case, that are part of what is signed."""
    if config.component is None:
        return set()
    return {
        part.key
        for part in config.component.components
        if part.kind == HEADER and part.key and part.is_required and part.pattern is None
    }


def reads_unsigned_header(options: BodyOptions) -> bool:
    """Does its event type come from a header by the destination's own leave?"""
    return options.allow_unsigned_event_header and any(
        reads_header(path) for path in options.event_type_paths
    )


def list_secret_paths(config: VerificationConfig) -> list[str]:
    """Where in a body the secret itself stands: shown to nobody."""
    source = config.signature
    is_in_body = config.scheme == "token" and source is not None and source.kind == BODY
    return list(source.names) if is_in_body and source is not None else []
