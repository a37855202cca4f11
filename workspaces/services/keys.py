"""API keys: minted and shown once, known by their hash, revoked by time."""

import datetime as dt
import hashlib
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, connection, models, transaction

from workspaces.models import ApiKey, Workspace
from workspaces.rules.callers import OPERATOR_SCOPE, Caller, find_unknown_scopes
from workspaces.rules.problems import FieldError, NotFound, Unprocessable, refuse_field

logger = logging.getLogger(__name__)

_KEY = re.compile(r"ch[ko]_[A-Za-z0-9_-]{43}")
USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)
# Many requests of one key arrive at once: whoever finds the row locked leaves it to the other.
_NOTE_USE = """
UPDATE workspaces_apikey SET last_used_at = %(now)s WHERE id = (
    SELECT id FROM workspaces_apikey
    WHERE id = %(key_id)s AND (last_used_at IS NULL OR last_used_at <= %(before)s)
    FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True)
class Admission:
    """What a good key opens: its caller, and the caller's workspace (None for an operator)."""

    caller: Caller
    workspace: Workspace | None
    rate_limit_per_minute: int | None


def mint_api_key(
    *,
    workspace_id: UUID | None,
    name: str,
    scopes: Sequence[str],
    created_by: str,
    expires_at: dt.datetime | None = None,
    rate_limit_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; the text that is returned beside it is stored nowhere and never seen again.

    Without a workspace the key is an operator's, and its only scope is ``operator``.

    Raises:
        Unprocessable: a scope is unknown, there is none, or it does not go with the workspace.
    """
    _refuse_scopes(scopes, is_operator=workspace_id is None)
    prefix = "cho" if workspace_id is None else "chk"
    plain = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        workspace_id=workspace_id,
        name=name,
        key_hash=_hash_key(plain),
        hint=plain[-4:],
        scopes=list(dict.fromkeys(scopes)),
        expires_at=expires_at,
        rate_limit_per_minute=rate_limit_per_minute,
        created_by=created_by,
    )
    # What the database filled in (created_at) is read back for whoever shows the row.
    key.refresh_from_db()
    return key, plain


def create_api_key(
    *,
    workspace_id: UUID,
    caller: Caller,
    now: dt.datetime,
    name: str,
    scopes: Sequence[str],
    expires_at: dt.datetime | None = None,
    rate_limit_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """``mint_api_key`` on behalf of ``caller``, for a key that is good from ``now`` on.

    Raises:
        Unprocessable: as there, or the key would have expired already.
    """
    if expires_at is not None and expires_at <= now:
        raise refuse_field("/expires_at", code="in_the_past", detail="expires_at has passed.")
    return mint_api_key(
        workspace_id=workspace_id,
        name=name,
        scopes=scopes,
        created_by=str(caller),
        expires_at=expires_at,
        rate_limit_per_minute=rate_limit_per_minute,
    )


def admit_key(plain: str, *, now: dt.datetime) -> Admission | None:
    """What the key opens now; None when it is unknown, expired or revoked. One query."""
    if _KEY.fullmatch(plain) is None:
        return None
    key = ApiKey.objects.select_related("workspace").filter(key_hash=_hash_key(plain)).first()
    if key is None or key.revoked_at is not None or _is_past(key.expires_at, now):
        return None
    if key.last_used_at is None or key.last_used_at <= now - USE_IS_NOTED_EVERY:
        _note_use(key.pk, now=now)
    caller = Caller(
        kind="key",
        id=str(key.pk),
        workspace_id=key.workspace_id,
        scopes=frozenset(key.scopes),
        is_operator=key.workspace_id is None and OPERATOR_SCOPE in key.scopes,
    )
    return Admission(caller, key.workspace, key.rate_limit_per_minute)


def authenticate_key(plain: str, *, now: dt.datetime) -> Caller | None:
    """The caller that the key speaks for; None when it is unknown, expired or revoked."""
    admission = admit_key(plain, now=now)
    return None if admission is None else admission.caller


def revoke_api_key(*, workspace_id: UUID | None, key_id: UUID, now: dt.datetime) -> ApiKey:
    """End a key at once, for good. A second revocation changes nothing.

    Raises:
        NotFound: the workspace (None: the operators) has no such key.
    """
    key = find_api_key(workspace_id=workspace_id, key_id=key_id)
    if ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
    return key


def find_api_key(*, workspace_id: UUID | None, key_id: UUID) -> ApiKey:
    """One key, ended or not.

    Raises:
        NotFound: the workspace (None: the operators) has no such key.
    """
    key = ApiKey.objects.filter(pk=key_id, workspace=workspace_id).first()
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def list_api_keys(workspace_id: UUID) -> models.QuerySet[ApiKey]:
    """The workspace's keys, ended ones too."""
    return ApiKey.objects.filter(workspace_id=workspace_id)


def _hash_key(plain: str) -> str:
    # 256 random bits need no salt and no slow hash: there is nothing to guess.
    return hashlib.sha256(plain.encode()).hexdigest()


def _is_past(instant: dt.datetime | None, now: dt.datetime) -> bool:
    return instant is not None and instant <= now


def _note_use(key_id: UUID, *, now: dt.datetime) -> None:
    parameters: dict[str, UUID | dt.datetime] = {
        "key_id": key_id,
        "now": now,
        "before": now - USE_IS_NOTED_EVERY,
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_NOTE_USE, parameters)
    except DatabaseError:
        # A note that is missing harms nobody; a request that is refused for its sake would.
        logger.warning("last_used_at of the API key %s was not written", key_id, exc_info=True)


def _refuse_scopes(scopes: Sequence[str], *, is_operator: bool) -> None:
    if is_operator:
        if list(scopes) != [OPERATOR_SCOPE]:
            raise refuse_field(
                "/scopes",
                code="operator_only",
                detail="A key without a workspace has the scope operator, and no other.",
            )
        return
    if not scopes:
        raise refuse_field("/scopes", code="required", detail="A key needs at least one scope.")
    unknown = set(find_unknown_scopes(scopes))
    if unknown:
        raise Unprocessable(
            f"Unknown scopes: {', '.join(sorted(unknown))}.",
            errors=[
                FieldError(f"/scopes/{index}", "unknown_scope", f"{scope} is not a scope.")
                for index, scope in enumerate(scopes)
                if scope in unknown
            ],
        )
