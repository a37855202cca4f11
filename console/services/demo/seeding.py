"""The demonstration's workspace, made once, with the history of its last days."""

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.utils.text import slugify

from console.services.demo import stories
from console.services.demo.scene import Scene, build_scene
from events.services import create_missing_partitions
from runs.services import PastStep, list_calls, list_runs
from triggers.services import Outage, record_call_by_hand, record_slots
from webhooks.services import record_delivery
from workspaces.rules.callers import EVERY_SCOPE, Caller
from workspaces.services import create_workspace, list_workspaces, mint_api_key

MAX_DAYS = 30
_LAG = dt.timedelta(seconds=0.4)
_OUTAGE = dt.timedelta(hours=2, minutes=10)
# So that the last run has ended; a younger slot is the running Beat's, and on time.
_MARGIN = dt.timedelta(seconds=45)
_MARK = {"made_by": "seed_demo"}
# Two seeds at the same time make one workspace; the number only has to be ours alone.
_LOCK = 0x636C6F636B06


class NotTheDemo(Exception):
    """There is a workspace of that name, and it is somebody's own; the text says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The workspace. What was made, the key and the secret are there only when it is new."""

    workspace_id: UUID
    slug: str
    is_new: bool
    api_key: str | None = None
    destination_path: str | None = None
    destination_secret: str | None = None
    made: dict[str, dict[str, int]] = field(default_factory=dict)


def seed_demo(*, workspace_name: str, days: int, now: dt.datetime) -> Demo:
    """Make the workspace with ``days`` (1 to 30) behind it, unless it is there.

    Raises:
        NotTheDemo: the name is in use for something else.
    """
    slug = slugify(workspace_name)
    if (found := _find(slug)) is not None:
        return found
    since = now - dt.timedelta(days=days)
    create_missing_partitions(today=since.date(), days_ahead=days)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        return _find(slug) or _seed(workspace_name, slug, since=since, until=now - _MARGIN)


def open_demo(demo: Demo, *, name: str, expires_at: dt.datetime) -> str:
    """A further key to the workspace."""
    return _mint_key(demo.workspace_id, name=name, expires_at=expires_at)[1]


def _find(slug: str) -> Demo | None:
    workspace = list_workspaces(slug=slug).first()
    if workspace is None:
        return None
    if workspace.metadata.get("made_by") != _MARK["made_by"]:
        raise NotTheDemo(f"The workspace {slug} is there and no demonstration: take another name.")
    return Demo(workspace_id=workspace.pk, slug=slug, is_new=False)


def _seed(name: str, slug: str, *, since: dt.datetime, until: dt.datetime) -> Demo:
    workspace = create_workspace(name=name, slug=slug, metadata=_MARK)
    key_id, api_key = _mint_key(workspace.pk, name="Demo", expires_at=None)
    scene = build_scene(workspace.pk, now=since)
    _record_schedules(scene, since=since, until=until)
    deliveries = _record_leads(scene, since=since, until=until)
    caller = Caller(
        kind="key",
        id=str(key_id),
        workspace_id=workspace.pk,
        scopes=frozenset({EVERY_SCOPE}),
        is_operator=False,
    )
    record_call_by_hand(
        scene.push,
        overrides={"slot": "by hand"},
        caller=caller,
        steps=stories.tell_cancelling(caller),
        now=until - dt.timedelta(hours=3, minutes=7),
    )
    return Demo(
        workspace_id=workspace.pk,
        slug=slug,
        is_new=True,
        api_key=api_key,
        destination_path=f"/v1/{workspace.pk}/hooks/{scene.destination.pk}",
        destination_secret=scene.secret,
        made={**_count(workspace.pk), "deliveries": dict(sorted(deliveries.items()))},
    )


def _record_schedules(scene: Scene, *, since: dt.datetime, until: dt.datetime) -> None:
    """Schedules as they fired, with one outage in which nobody looked at the clock."""
    back_at = since + (until - since) * 0.6
    outage = Outage(back_at - _OUTAGE, back_at)
    gone_since = since + (until - since) * 0.5

    def tell_push(slot: dt.datetime) -> list[PastStep]:
        return list(stories.tell_push(slot, gone_since=gone_since))

    for trigger, tell in (
        (scene.report, lambda _: stories.tell_instant()),
        (scene.check, lambda _: stories.tell_instant()),
        (scene.push, tell_push),
    ):
        record_slots(trigger, since=since, until=until, tell=tell, lag=_LAG, outages=(outage,))


def _record_leads(scene: Scene, *, since: dt.datetime, until: dt.datetime) -> Counter[str]:
    statuses: Counter[str] = Counter()
    for lead in stories.list_leads(since=since, until=until):
        body = json.dumps(
            {
                "type": "lead.created",
                "lead_id": f"L-{lead.number}",
                "contact": {"name": lead.name, "phone": lead.phone},
            }
        ).encode()
        posts = [(scene.secret, 0)]
        if lead.is_forged_first:
            posts.insert(0, ("not-the-secret-of-this-destination", -120))
        if lead.is_sent_again:
            posts.append((scene.secret, 30))
        for secret, seconds in posts:
            statuses[
                record_delivery(
                    scene.destination,
                    body=body,
                    key=f"lead-{lead.number}",
                    secret=secret,
                    steps=stories.tell_instant(),
                    calls=stories.tell_call(lead),
                    now=lead.posted_at + dt.timedelta(seconds=seconds),
                )
            ] += 1
    return statuses


def _count(workspace_id: UUID) -> dict[str, dict[str, int]]:
    runs = Counter(list_runs(workspace_id).values_list("status", flat=True))
    calls = Counter(list_calls(workspace_id).values_list("status", flat=True))
    return {"runs": dict(sorted(runs.items())), "calls": dict(sorted(calls.items()))}


def _mint_key(workspace_id: UUID, *, name: str, expires_at: dt.datetime | None) -> tuple[UUID, str]:
    key, plain = mint_api_key(
        workspace_id=workspace_id,
        name=name,
        scopes=[EVERY_SCOPE],
        created_by="system:demo",
        expires_at=expires_at,
        rate_limit_per_minute=0,
    )
    return key.pk, plain
