"""What a trigger is and how it changes: create, update, delete, pause, resume, and its reads."""

import datetime as dt
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction

from events.services import append_events
from runs.services import guard_trigger
from triggers.models import ScheduleState, Trigger
from triggers.rules.flow import ALLOW
from triggers.services.checks import check_fields
from triggers.services.reads import TriggerNotFound, find_trigger
from triggers.services.records import build_audit_event, record_auto_pause, record_change
from triggers.services.slots import find_due_time, plan_next_fire
from workspaces.rules.callers import Caller
from workspaces.rules.problems import Conflict, FieldError, refuse_field
from workspaces.rules.times import render_time
from workspaces.services import (
    PlanLimits,
    lock_limits,
    record_revision,
    refuse_over_limit,
)

# A change of any of these makes the next slot count from now.
_SCHEDULE_FIELDS = {
    "schedule",
    "timezone",
    "dst_gap",
    "dst_overlap",
    "starts_at",
    "ends_at",
    "max_fires",
}
_PAUSE_FIELDS = {"is_active", "pause_reason", "paused_until"}


class ExternalKeyTaken(Conflict):
    """Another trigger of the workspace has this ``external_key``."""

    def __init__(self) -> None:
        detail = "Another trigger of this workspace has this external_key."
        super().__init__(detail, errors=[FieldError("/external_key", "not_unique", detail)])


def create_trigger(
    *, workspace_id: uuid.UUID, fields: Mapping[str, Any], caller: Caller, now: dt.datetime
) -> Trigger:
    """Create a trigger; with a schedule, its next slot counts from ``now``.

    Raises:
        Unprocessable: a field is not what it must be; one error per field.
        TriggerLimitExceeded: the plan holds no more scheduled triggers.
        ExternalKeyTaken: the ``external_key`` is in use.
    """
    with transaction.atomic():
        # First, as who deletes an action does: it cannot vanish between check and commit.
        limits = lock_limits(workspace_id)
        checked = check_fields(fields, workspace_id=workspace_id, now=now)
        if checked.get("schedule") is not None:
            _refuse_one_scheduled_more(workspace_id, limits)
        trigger = Trigger(
            workspace_id=workspace_id, created_by=str(caller), created_at=now, **checked
        )
        _save(trigger, is_new=True)
        trigger.refresh_from_db()
        ScheduleState.objects.create(
            trigger=trigger, **plan_next_fire(trigger, after=now, fire_count=0)
        )
        record_change(trigger, "trigger.created", {}, caller=caller, now=now)
    return find_trigger(workspace_id=workspace_id, trigger_id=trigger.id)


def update_trigger(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    fields: Mapping[str, Any],
    caller: Caller,
    now: dt.datetime,
) -> Trigger:
    """Change the given fields. An edit never fires a slot in the past: the next one counts from
    ``now``.

    Raises:
        TriggerNotFound, Unprocessable, TriggerLimitExceeded, ExternalKeyTaken: as for creation.
        Conflict: the trigger comes from configuration, which alone may change it.
    """
    with transaction.atomic():
        limits = lock_limits(workspace_id)
        trigger = _lock_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
        checked = check_fields(fields, workspace_id=workspace_id, now=now, current=trigger)
        changed = {
            name: value for name, value in checked.items() if getattr(trigger, name) != value
        }
        if trigger.source == "config" and set(changed) - _PAUSE_FIELDS:
            raise Conflict(
                "This trigger comes from configuration: only pause and resume are open here."
            )
        if changed.get("schedule") is not None and trigger.schedule is None:
            _refuse_one_scheduled_more(workspace_id, limits)
        _apply(trigger, changed, caller=caller, now=now)
    return find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)


def delete_trigger(
    *, workspace_id: uuid.UUID, trigger_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> None:
    """Delete a trigger and its destinations; its fires, runs and events stay as history.

    Raises:
        TriggerNotFound: there is none.
        Conflict: the trigger comes from configuration.
    """
    with transaction.atomic():
        trigger = _lock_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
        if trigger.source == "config":
            raise Conflict(
                "This trigger comes from configuration: only pause and resume are open here."
            )
        key = trigger.external_key or str(trigger.id)
        append_events(
            [
                build_audit_event(
                    trigger, "trigger.deleted", {"name": trigger.name}, caller=caller, now=now
                )
            ]
        )
        trigger.delete()
        record_revision(
            workspace_id=workspace_id,
            kind="trigger",
            external_key=key,
            document=None,
            created_by=str(caller),
        )


def pause_trigger(
    *,
    workspace_id: uuid.UUID,
    trigger_id: uuid.UUID,
    reason: str | None,
    until: dt.datetime | None,
    caller: Caller,
    now: dt.datetime,
) -> Trigger:
    """Pause: no slot fires after this commits. The schedule stays. Pausing a paused one renews its
    reason.

    Raises:
        TriggerNotFound: there is none.
        Unprocessable: ``until`` is not in the future.
    """
    if until is not None and until <= now:
        raise refuse_field("/until", code="in_the_past", detail="A pause ends in the future.")
    changed = {"is_active": False, "pause_reason": reason, "paused_until": until}
    with transaction.atomic():
        trigger = _lock_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
        _apply(trigger, changed, caller=caller, now=now)
    return find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)


def resume_trigger(
    *, workspace_id: uuid.UUID, trigger_id: uuid.UUID, caller: Caller, now: dt.datetime
) -> Trigger:
    """Resume: the next slot counts from ``now``; what went by in the pause never fires. A no-op on
    an active one.

    Raises:
        TriggerNotFound: there is none.
    """
    with transaction.atomic():
        trigger = _lock_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
        if not trigger.is_active:
            _apply(trigger, {"is_active": True}, caller=caller, now=now)
    return find_trigger(workspace_id=workspace_id, trigger_id=trigger_id)


def pause_for_failures(seen: Trigger, *, caller: Caller, now: dt.datetime) -> bool:
    """Pause a trigger as it was seen; False: it was changed or paused meanwhile.

    Raises:
        TriggerNotFound: it is gone.
    """
    trigger = _lock_trigger(workspace_id=seen.workspace_id, trigger_id=seen.id)
    if not trigger.is_active or trigger.updated_at != seen.updated_at:
        return False
    reason = f"its last {seen.auto_pause_after_failures} runs failed"
    trigger.is_active, trigger.pause_reason = False, reason
    _save(trigger, is_new=False)
    ScheduleState.objects.filter(trigger=trigger).update(next_fire_at=None, due_at=None)
    data = {"triggered_by": str(caller), "reason": reason}
    record_auto_pause(trigger, data, caller=caller, now=now)
    return True


def resume_elapsed_pauses(*, caller: Caller, now: dt.datetime, limit: int = 100) -> int:
    """Resume triggers whose ``paused_until`` has come; how many. Safe beside other schedulers."""
    elapsed = Trigger.objects.filter(is_active=False, paused_until__lte=now).values_list(
        "workspace_id", "id"
    )
    resumed = 0
    for workspace_id, trigger_id in elapsed[:limit]:
        with suppress(TriggerNotFound), transaction.atomic():
            trigger = _lock_trigger(workspace_id=workspace_id, trigger_id=trigger_id)
            # Asked again under the lock: somebody may have resumed it or paused it anew.
            if not trigger.is_active and trigger.paused_until and trigger.paused_until <= now:
                _apply(trigger, {"is_active": True}, caller=caller, now=now)
                resumed += 1
    return resumed


def _apply(
    trigger: Trigger, changed: Mapping[str, Any], *, caller: Caller, now: dt.datetime
) -> None:
    """Write the change, its audit event and its revision; the state row is locked by the caller."""
    if not changed:
        return
    was_active = trigger.is_active
    for name, value in changed.items():
        setattr(trigger, name, value)
    if trigger.is_active:
        trigger.pause_reason, trigger.paused_until = None, None
    if (trigger.is_active and not was_active) or "auto_pause_after_failures" in changed:
        trigger.failures_count_from = now
    _save(trigger, is_new=False)
    state = ScheduleState.objects.filter(trigger=trigger)
    if changed.get("overlap_policy", ALLOW) != ALLOW:
        guard_trigger(trigger.id)
    if trigger.is_active != was_active or _SCHEDULE_FIELDS & set(changed):
        fire_count = trigger.schedule_state.fire_count
        state.update(**plan_next_fire(trigger, after=now, fire_count=fire_count))
    elif "jitter_seconds" in changed:
        # The slot stays; a delay that it is in the middle of is measured anew.
        state.update(due_at=find_due_time(trigger, trigger.schedule_state.next_fire_at))
    record_change(
        trigger, *_name_change(trigger, changed, was_active=was_active), caller=caller, now=now
    )


def _name_change(
    trigger: Trigger, changed: Mapping[str, Any], *, was_active: bool
) -> tuple[str, dict[str, Any]]:
    if set(changed) <= _PAUSE_FIELDS and "is_active" in changed:
        if trigger.is_active:
            return "trigger.resumed", {}
        return "trigger.paused", {
            "reason": trigger.pause_reason,
            "until": render_time(trigger.paused_until),
        }
    data: dict[str, Any] = {"changed": sorted(changed)}
    if trigger.is_active != was_active:
        data["is_active"] = trigger.is_active
    return "trigger.updated", data


def _save(trigger: Trigger, *, is_new: bool) -> None:
    try:
        # A savepoint: the refusal must not spoil the caller's transaction.
        with transaction.atomic():
            trigger.save(force_insert=is_new)
    except IntegrityError as error:
        if "triggers_trigger_external_key_unique" in str(error):
            raise ExternalKeyTaken from error
        raise


def _lock_trigger(*, workspace_id: uuid.UUID, trigger_id: uuid.UUID) -> Trigger:
    """The trigger, with its state row locked: the same row that the clock locks to fire it."""
    # The workspace first, as everybody does who records a revision at the end.
    lock_limits(workspace_id)
    state = (
        ScheduleState.objects.select_for_update(of=("self",))
        .filter(trigger_id=trigger_id, trigger__workspace_id=workspace_id)
        .first()
    )
    if state is None:
        raise TriggerNotFound
    return Trigger.objects.select_related("schedule_state").get(id=trigger_id)


def _refuse_one_scheduled_more(workspace_id: uuid.UUID, limits: PlanLimits) -> None:
    refuse_over_limit(
        limits=limits,
        trigger_type="scheduled",
        current_count=Trigger.objects.filter(
            workspace_id=workspace_id, schedule__isnull=False
        ).count(),
    )
