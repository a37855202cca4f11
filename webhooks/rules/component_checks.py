"""What is refused of a component form when it is saved."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhooks.rules.components import compile_expression, compile_pattern
from webhooks.rules.encodings import DIGEST_SIZES
from workspaces.rules.problems import FieldError

MAX_COMPONENTS = 20
MAX_HEADERS = 20
_FORM = "/verification/signature_verification"
_AUTHENTICATION = "/verification/authentication"
_SIGNATURE_SOURCES = ("header", "query", "body")
_COMPONENT_SOURCES = ("literal", "header", "body")


def check_form(form: Mapping[str, Any] | None) -> list[FieldError]:
    """The faults of a form in snake case; none of one that is not there."""
    if form is None:
        return []
    return [FieldError(_FORM + path, code, detail) for path, code, detail in _list_faults(form)]


def check_authentication_document(stated: Any) -> list[FieldError]:
    """The faults of ``authentication``; none of one that is not there."""
    if stated is None:
        return []
    headers = stated.get("headers") if isinstance(stated, Mapping) else None
    if not isinstance(headers, list) or not 1 <= len(headers) <= MAX_HEADERS:
        detail = f"An object with headers, a list of 1 to {MAX_HEADERS}."
        return [FieldError(_AUTHENTICATION, "invalid", detail)]
    detail = "A header has name and value, or name and keep_existing."
    return [
        FieldError(f"{_AUTHENTICATION}/headers/{index}", "invalid", detail)
        for index, header in enumerate(headers)
        if not _is_header(header)
    ]


def _is_header(header: Any) -> bool:
    if not isinstance(header, Mapping) or not _is_text(header.get("name")):
        return False
    if not isinstance(header.get("keep_existing", False), bool):
        return False
    if header.get("keep_existing"):
        return not {"value", "value_sha256"} & set(header)
    if "value_sha256" in header:
        digest = header["value_sha256"]
        return isinstance(digest, str) and len(digest) == 64 and digest.isalnum()
    return _is_text(header.get("value"))


def _list_faults(form: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if form.get("algorithm", "sha256") not in DIGEST_SIZES:
        yield "/algorithm", "invalid", f"One of {', '.join(DIGEST_SIZES)}."
    if form.get("encoding", "hex") not in {"hex", "base64", "base64url"}:
        yield "/encoding", "invalid", "hex, base64 or base64url."
    yield from _list_signature_faults(form.get("signature"))
    components = form.get("signed_components")
    if not isinstance(components, list) or not 1 <= len(components) <= MAX_COMPONENTS:
        yield "/signed_components", "invalid", f"A list of 1 to {MAX_COMPONENTS} components."
        return
    for index, part in enumerate(components):
        yield from _list_component_faults(f"/signed_components/{index}", part)
    if not any(isinstance(p, Mapping) and p.get("source") == "body" for p in components):
        yield "/signed_components", "body_not_signed", "Nothing vouches for the body."
    yield from _list_option_faults(form)


def _list_signature_faults(signature: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(signature, Mapping) or signature.get("source") not in _SIGNATURE_SOURCES:
        yield "/signature", "invalid", "An object whose source is header, query or body."
        return
    if not _is_text(signature.get("key")):
        yield "/signature/key", "required", "The name of the header or parameter, or JMESPath."
    yield from _list_text_faults("/signature", signature)
    if not isinstance(signature.get("prefix") or "", str):
        yield "/signature/prefix", "invalid", "This is a text."


def _list_component_faults(path: str, part: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(part, Mapping) or part.get("source") not in _COMPONENT_SOURCES:
        yield path, "invalid", "An object whose source is literal, header or body."
        return
    if part["source"] == "header" and not _is_text(part.get("key")):
        yield f"{path}/key", "required", "The name of the header."
    if not isinstance(part.get("value") or "", str):
        yield f"{path}/value", "invalid", "This is a text."
    if not isinstance(part.get("required", True), bool):
        yield f"{path}/required", "invalid", "This is true or false."
    yield from _list_text_faults(path, part)


def _list_text_faults(path: str, part: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    pattern, key = part.get("regex"), part.get("key")
    try:
        if pattern is not None and pattern != "":
            compile_pattern(pattern)
    except (TypeError, ValueError) as error:
        yield f"{path}/regex", "invalid_pattern", str(error)
    try:
        if part.get("source") == "body" and key is not None:
            compile_expression(key)
    except (TypeError, ValueError) as error:
        yield f"{path}/key", "invalid_expression", str(error)


def _list_option_faults(form: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    join, validation = form.get("component_join"), form.get("validation")
    if join is not None and (
        not isinstance(join, Mapping)
        or join.get("strategy", "concatenate") != "concatenate"
        or not isinstance(join.get("separator") or "", str)
    ):
        yield "/component_join", "invalid", "An object: strategy concatenate, and a separator."
    if validation is not None and (
        not isinstance(validation, Mapping)
        or not all(isinstance(value, bool) for value in validation.values())
    ):
        yield "/validation", "invalid", "An object of true and false."


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and len(value) <= 512
