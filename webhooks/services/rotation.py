"""A new secret beside the old one, which ends after an overlap."""

import datetime as dt
from uuid import UUID

import structlog
from django.db import transaction

from webhooks.models import DestinationSecret
from webhooks.services.destinations import lock_destination
from webhooks.services.secrets import add_secret, choose_secret
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict
from workspaces.rules.times import render_time

log = structlog.get_logger(__name__)


class RotationOverlaps(Conflict):
    """The last rotation's old secret is still valid: a third one would pass unnoticed."""

    def __init__(self, until: dt.datetime) -> None:
        ends_at = render_time(until)
        super().__init__(
            f"The previous secret is valid until {ends_at}; rotate again after that.",
            members={"rotation_expires_at": ends_at},
        )


def rotate_secret(
    *,
    workspace_id: UUID,
    destination_id: UUID,
    secret: str | None,
    overlap_seconds: int,
    caller: Caller,
    now: dt.datetime,
) -> tuple[str, dt.datetime]:
    """Give the destination another secret, ``secret`` or a new one. Both verify in the overlap.

    Returns the new secret and when the old one ends; without an overlap it is gone at once.

    Raises:
        DestinationNotFound: the workspace has no such destination.
        SecretRefused: the given secret is too short or too long.
        RotationOverlaps: the previous rotation has not ended yet.
    """
    expires_at = now + dt.timedelta(seconds=overlap_seconds)
    with transaction.atomic():
        destination = lock_destination(workspace_id=workspace_id, destination_id=destination_id)
        chosen = choose_secret(secret, destination.verification)
        _end_current(destination.pk, expires_at=expires_at, now=now)
        add_secret(destination.pk, chosen, destination.verification)
        destination.save(update_fields=["updated_at"])
    log.info("secret_rotated", destination_id=str(destination_id), caller=str(caller))
    return chosen, expires_at


def _end_current(destination_id: UUID, *, expires_at: dt.datetime, now: dt.datetime) -> None:
    secrets = DestinationSecret.objects.filter(destination_id=destination_id)
    overlapping = secrets.filter(expires_at__gt=now).first()
    if overlapping is not None and overlapping.expires_at is not None:
        raise RotationOverlaps(overlapping.expires_at)
    secrets.filter(expires_at__isnull=False).delete()
    if expires_at > now:
        secrets.update(expires_at=expires_at)
    else:
        # Gone, not only expired: another host's clock may lag behind ours.
        secrets.delete()
