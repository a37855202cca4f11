"""What tells a delivery from others, and an element of a batch from others: the dedupe keys."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from actions.rules.paths import find_path
from webhooks.rules.body_options import reads_unsigned_header
from webhooks.rules.dedupe_keys import digest_request, find_key
from webhooks.rules.received import ReceivedRequest
from webhooks.rules.signed import read_delivery_id
from webhooks.rules.sources import BODY, Parts, render_scalar
from webhooks.rules.verification import VerificationConfig
from webhooks.services.targets import Target

_BODY = "body:"
# A path into the list itself, so not one that each element has.
_OF_THE_LIST = re.compile(r"(\$\.)?[0-9]+\.")


def list_delivery_keys(target: Target, request: ReceivedRequest) -> tuple[str, ...]:
    """Each of them alone makes a second delivery a duplicate; the sender's own name is the first.

    None at all where nothing names it: then two equal requests are two.
    """
    keys = [_find_name(target, request), *_list_forced_keys(target, request)]
    return tuple(dict.fromkeys(key for key in keys if key))


def list_element_keys(
    target: Target,
    request: ReceivedRequest,
    elements: Sequence[Any],
    *,
    delivery_keys: Sequence[str],
) -> list[tuple[str, ...]]:
    """For each element ``<delivery key>#<its id or index>``, per key of the delivery.

    Where the sender names elements, and not deliveries, an element's id is enough: it is a
    duplicate in another batch, too.
    """
    paths = _list_id_paths(target)
    source = _find_key_source(target)
    has_own_ids = bool(paths) and source.startswith(_BODY)
    shared = delivery_keys
    if has_own_ids:
        shared = tuple(_list_forced_keys(target, request)) or ("",)
    return [
        tuple(_name_element(element, index, paths, shared))
        for index, element in enumerate(elements)
    ]


def _find_name(target: Target, request: ReceivedRequest) -> str | None:
    config = target.config
    if target.options.dedupe is not None:
        body_format = "json" if config is None else config.body_format
        return find_key(target.options.dedupe, request, body_format=body_format)
    return None if config is None else _read_id(request, config)


def _list_forced_keys(target: Target, request: ReceivedRequest) -> Iterator[str]:
    """What also counts, whatever the destination takes for the delivery's name."""
    config = target.config
    if config is not None and config.body_unsigned:
        # The one thing that is signed must not come twice.
        name = _read_id(request, config)
        if name:
            yield name
    if _is_digest_deduped(target):
        yield digest_request(request)


def _read_id(request: ReceivedRequest, config: VerificationConfig) -> str | None:
    return read_delivery_id(Parts(request, body_format=config.body_format), config)


def _is_digest_deduped(target: Target) -> bool:
    """By the preset's flag, unless the destination wants no dedupe; always where the type of an
    event is read from what nobody signs.
    """
    dedupe = target.options.dedupe
    is_off = dedupe is not None and dedupe["key"] is None
    is_flagged = target.provider.is_digest_deduped and not is_off
    return is_flagged or reads_unsigned_header(target.body_options)


def _list_id_paths(target: Target) -> tuple[str, ...]:
    """The paths that name an element together: the destination's, the preset's, or that of the
    delivery id.
    """
    source = _find_key_source(target)
    path = source.removeprefix(_BODY)
    is_of_elements = source.startswith(_BODY) and not _OF_THE_LIST.match(path)
    if is_of_elements and target.options.dedupe is not None:
        return (path,)
    return target.provider.element_id or ((path,) if is_of_elements else ())


def _find_key_source(target: Target) -> str:
    """Where the delivery's name stands, ``body:id`` for one; empty where it has none."""
    if target.options.dedupe is not None:
        return target.options.dedupe["key"] or ""
    config = target.config
    if config is None or config.delivery_id is None or config.delivery_id.kind != BODY:
        return ""
    return _BODY + config.delivery_id.names[0]


def _name_element(
    element: Any, index: int, paths: Sequence[str], shared: Sequence[str]
) -> Iterator[str]:
    parts = [render_scalar(find_path(element, path)) for path in paths]
    name = ".".join(part for part in parts if part) if parts and parts[0] else None
    for key in shared:
        # An index alone would name an element of every batch.
        if key or name is not None:
            yield f"{key}#{index if name is None else name}"
