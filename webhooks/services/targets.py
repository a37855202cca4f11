"""What the receiver needs to know of a destination, with its trigger and action.

``webhooks.services.currency`` remembers it.
"""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from actions.services import ActionSpec
from triggers.services import Trigger, load_trigger
from webhooks.providers import CONFIGS, PROVIDERS, Provider, build_config
from webhooks.rules.body_options import (
    NAMES,
    BodyOptions,
    list_signed_headers,
    override_options,
)
from webhooks.rules.event_types import choose_paths
from webhooks.rules.signature import Secret
from webhooks.rules.verification import DEFAULT_PRESET, VerificationConfig
from webhooks.rules.verification_checks import check_verification
from webhooks.rules.verification_document import choose_preset
from webhooks.services.secrets import open_secret, read_secret
from workspaces.services import Statement, open_prepared_cursor

# Every version of a row has an xmin and a ctid of its own. Of rows that change all the time, or
# with each use, what matters is named instead.
_VERSION = """
concat_ws(' ', d.xmin, d.ctid, t.xmin, t.ctid, a.xmin, a.ctid, w.archived_at IS NULL,
          st.next_fire_at IS NULL,
          (SELECT string_agg(concat(v.id, v.expires_at), ' ' ORDER BY v.id)
           FROM webhooks_destinationsecret v WHERE v.destination_id = d.id))
"""
_TABLES = """
webhooks_destination d JOIN workspaces_workspace w ON w.id = d.workspace_id
JOIN triggers_trigger t ON t.id = d.trigger_id JOIN actions_action a ON a.id = t.action_id
LEFT JOIN triggers_schedulestate st ON st.trigger_id = t.id
"""
# Newest first; more than a few only wait for the next rotation to remove them.
_FIND = f"""
SELECT d.id, d.workspace_id, d.trigger_id, d.is_active AND w.archived_at IS NULL,
       d.accepted_event_types, d.field_mapping::text, d.retry_attempts, d.verification::text,
       jsonb_build_object('input_schema', d.input_schema, 'output_transform', d.output_transform,
           'dedupe', d.dedupe, 'response', d.response, 'redact', d.redact,
           'rate_limit_per_minute', d.rate_limit_per_minute,
           'on_unaccepted_event', d.on_unaccepted_event,
           'event_type_paths', d.event_type_paths, 'body_format', d.body_format,
           'allow_unsigned_event_header', d.allow_unsigned_event_header,
           'batch', d.batch)::text,
       s.id, s.ciphertext, s.expires_at, s.last_used_at, {_VERSION}
FROM {_TABLES} LEFT JOIN webhooks_destinationsecret s ON s.destination_id = d.id
WHERE d.id = %s ORDER BY s.id DESC LIMIT 8
"""  # noqa: S608 - no part comes from outside
# Fails unless there is such a row, and with it whatever is written beside it: to read the answer
# first would cost a round trip.
_CHECK = f"SELECT 1 / count(*) FROM {_TABLES} WHERE d.id = %s AND {_VERSION} = %s"  # noqa: S608


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A secret as it is stored; decrypted only to verify."""

    id: UUID
    ciphertext: bytes
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a destination makes of a genuine request, beside type and mapping; each as the API has
    it.
    """

    input_schema: dict[str, Any] | None
    output_transform: dict[str, Any] | None
    dedupe: dict[str, Any] | None
    response: dict[str, Any] | None
    redact: list[str]
    rate_limit_per_minute: int
    # Null: the preset's own.
    on_unaccepted_event: str | None = None
    event_type_paths: list[str] | None = None
    allow_unsigned_event_header: bool | None = None
    body_format: str | None = None
    batch: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A destination as a request meets it."""

    id: UUID
    workspace_id: UUID
    trigger_id: UUID
    is_active: bool
    accepted_event_types: list[str] | None
    field_mapping: dict[str, str] | None
    retry_attempts: int
    verification: str
    # How requests are verified; None when this version does not understand what is stored.
    config: VerificationConfig | None
    # The preset; the native one when this version does not know what is stored.
    provider: Provider
    options: Options
    # How its sender writes bodies: as the destination says, else as the preset does.
    body_options: BodyOptions
    # Where the type of an event is read: of headers only what may count.
    event_type_paths: tuple[str, ...]
    secrets: tuple[StoredSecret, ...]
    # As they were when read: neither is ever changed.
    trigger: Trigger
    action: ActionSpec
    # Of everything here, together.
    version: str

    def read_secrets(self) -> list[Secret]:
        """The secrets in plain, newest first.

        Raises:
            SecretUnreadable: the keys that encrypted them are no longer configured.
        """
        return [
            open_secret(secret.id, read_secret(secret.ciphertext), secret.expires_at)
            for secret in self.secrets
        ]


def read_target(key: UUID) -> Target | None:
    """The destination of this id, active or not, as it is now."""
    with open_prepared_cursor() as cursor:
        cursor.execute(_FIND, [key])
        rows = cursor.fetchall()
    # What is read later than the version may be newer: then the check fails once, in vain.
    loaded = load_trigger(rows[0][2]) if rows else None
    return None if loaded is None else _build_target(rows, *loaded)


def weigh_target(target: Target) -> int:
    """How large it is, in characters of JSON, as far as its owner decides."""
    given = (
        target.verification,
        asdict(target.options),
        target.field_mapping,
        target.trigger.input_template,
        target.trigger.event_filter,
        target.action.config,
        target.action.input_schema,
    )
    return len(json.dumps(given))


def build_check(target: Target) -> Statement:
    """Divides by zero unless the target is as it was read, in one row."""
    return Statement(_CHECK, [target.id, target.version])


def _build_target(rows: list[tuple[Any, ...]], trigger: Trigger, action: ActionSpec) -> Target:
    first = rows[0]
    verification, options = first[7], _read_options(first[8])
    config = _read_verification(verification, options.body_format)
    provider = _read_provider(verification)
    body_options = _choose_body_options(provider, options)
    return Target(
        id=first[0],
        workspace_id=first[1],
        trigger_id=first[2],
        is_active=first[3],
        accepted_event_types=first[4],
        field_mapping=None if first[5] is None else json.loads(first[5]),
        retry_attempts=first[6],
        verification=verification,
        config=config,
        provider=provider,
        options=options,
        body_options=body_options,
        event_type_paths=_choose_paths(body_options, config),
        secrets=tuple(_build_secrets(row[9:13] for row in rows)),
        trigger=trigger,
        action=action,
        version=first[13],
    )


def _build_secrets(rows: Iterable[tuple[Any, ...]]) -> Iterable[StoredSecret]:
    for secret_id, ciphertext, expires_at, last_used_at in rows:
        # The outer join of a destination without secrets.
        if secret_id is not None:
            yield StoredSecret(secret_id, bytes(ciphertext), expires_at, last_used_at)


@lru_cache(maxsize=1024)
def _read_verification(text: str, body_format: str | None) -> VerificationConfig | None:
    document = json.loads(text)
    if check_verification(document, presets=CONFIGS):
        return None
    config = build_config(document)
    # What names or proves a delivery may stand in its body.
    return config if body_format is None else replace(config, body_format=body_format)


@lru_cache(maxsize=1024)
def _read_options(text: str) -> Options:
    return Options(**json.loads(text))


@lru_cache(maxsize=1024)
def _read_provider(text: str) -> Provider:
    preset = choose_preset(json.loads(text))
    known = preset if isinstance(preset, str) and preset in PROVIDERS else DEFAULT_PRESET
    return PROVIDERS[known]


def _choose_body_options(provider: Provider, options: Options) -> BodyOptions:
    stated = {name: getattr(options, name) for name in NAMES}
    return override_options(provider.body_options, stated)


def _choose_paths(options: BodyOptions, config: VerificationConfig | None) -> tuple[str, ...]:
    return choose_paths(
        options.event_type_paths,
        is_header_allowed=options.allow_unsigned_event_header,
        signed_headers=() if config is None else list_signed_headers(config),
    )
