"""Why a slot did or did not run: the verdict on what is on record, and one sentence about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from triggers.rules.ledger import OUTCOMES

PAUSED, NOT_A_SLOT, BEFORE_CREATION = "paused", "not_a_slot", "before_creation"
EXHAUSTED, FUTURE, PRUNED = "exhausted", "future", "pruned"
VERDICTS = (*OUTCOMES, PAUSED, NOT_A_SLOT, BEFORE_CREATION, EXHAUSTED, FUTURE, PRUNED)
_FIRED, _MISSED = "fired", "missed"


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """A fire that concerns the slot, alone or as one of many."""

    outcome: str
    cause: str
    reason: str | None
    recorded_at: datetime
    triggered_by: str
    run_id: str | None = None
    run_status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something done to the trigger: by whom, when, and why where they said so."""

    by: str
    at: datetime
    reason: str | None = None
    # Some time before ``at``: the event itself is kept no longer.
    is_earlier: bool = False


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that is known about ``at``. ``rows`` are in the order of recording."""

    at: datetime
    now: datetime
    zone: ZoneInfo
    created_at: datetime
    schedule: str | None
    is_slot: bool
    next_slot: datetime | None
    last_slot: datetime | None
    is_exhausted: bool = False
    # In force at the time, or now when the time is to come.
    pause: Act | None = None
    resumed: Act | None = None
    # The first change of the schedule after it.
    changed: Act | None = None
    # No Beat ticked from … to …; null: none has since.
    gap: tuple[datetime, datetime | None] | None = None
    # The clock owes it still.
    is_owed: bool = False
    # What was recorded earlier is kept no longer.
    kept_since: datetime | None = None
    rows: tuple[LedgerRow, ...] = field(default=())


def judge(case: Case) -> str:
    """The verdict: any outcome of the ledger, or why there is none."""
    if case.rows:
        outcomes = [row.outcome for row in case.rows]
        return _FIRED if _FIRED in outcomes else outcomes[0]
    reasons = (
        (BEFORE_CREATION, case.at < case.created_at),
        (EXHAUSTED, case.is_exhausted),
        (NOT_A_SLOT, not case.is_slot),
        (PAUSED, case.pause is not None),
        (FUTURE, case.at > case.now or case.is_owed),
        (PRUNED, case.kept_since is not None and case.at < case.kept_since),
    )
    return next((verdict for verdict, holds in reasons if holds), NOT_A_SLOT)


def tell(case: Case) -> str:
    """The verdict in one sentence, with times on the clocks of the trigger's zone."""
    verdict = judge(case)
    sentence = _TELLERS.get(verdict, _tell_unfired)(case)
    return f"{sentence[0].upper()}{sentence[1:]}."


def spell_moment(moment: datetime, case: Case) -> str:
    """``02:29``, with its seconds where it has some and its day where that is not the slot's."""
    local, slot = moment.astimezone(case.zone), case.at.astimezone(case.zone)
    text = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    if local.date() != slot.date():
        text += f" on {local:%Y-%m-%d}"
    return text


def _tell_fired(case: Case) -> str:
    row = next(row for row in case.rows if row.outcome == _FIRED)
    late = round((row.recorded_at - case.at).total_seconds())
    text = f"it fired at {spell_moment(row.recorded_at, case)}"
    if row.cause != "schedule":
        text += f", by {row.triggered_by}"
        first = case.rows[0]
        if first.outcome != _FIRED:
            text += f", after its own time was {_spell_outcome(first.outcome)}"
    elif late >= 1:
        text += f", {late} s late"
        text += _tell_gap(case)
    return f"{text}; its run is {row.run_status}" if row.run_status else text


def _tell_unfired(case: Case) -> str:
    row = case.rows[0]
    if row.outcome == _MISSED:
        late = round((row.recorded_at - case.at).total_seconds())
        gap = _tell_gap(case) or ": no scheduler fired it in time"
        return f"it was missed by {late} s{gap}"
    text = f"it was {_spell_outcome(row.outcome)}"
    if row.outcome == "superseded":
        text += f" by a later slot{_tell_gap(case)}"
    return f"{text}: {row.reason}" if row.reason else text


def _tell_gap(case: Case) -> str:
    if case.gap is None:
        return ""
    start, end = case.gap
    if end is None:
        return f", while no scheduler ticked since {spell_moment(start, case)}"
    return (
        f", while no scheduler ticked from {spell_moment(start, case)} to {spell_moment(end, case)}"
    )


def _tell_paused(case: Case) -> str:
    pause = case.pause
    if pause is None:
        return "the trigger was paused"
    when = "before" if pause.is_earlier else "at"
    text = f"the trigger was paused by {pause.by} {when} {spell_moment(pause.at, case)}"
    if pause.reason:
        text += f" ({pause.reason})"
    if case.resumed is not None:
        text += f" and resumed by {case.resumed.by} at {spell_moment(case.resumed.at, case)}"
    return text


def _tell_before_creation(case: Case) -> str:
    return f"the trigger was created later, at {spell_moment(case.created_at, case)}"


def _tell_exhausted(case: Case) -> str:
    if case.last_slot is None:
        return "the schedule has no slot any more"
    return f"the schedule is exhausted: its last slot was {spell_moment(case.last_slot, case)}"


def _tell_future(case: Case) -> str:
    if case.at > case.now:
        return f"it is still to come, in {round((case.at - case.now).total_seconds())} s"
    late = round((case.now - case.at).total_seconds())
    return f"it is due since {late} s and not fired yet{_tell_gap(case)}"


def _tell_no_slot(case: Case) -> str:
    if case.schedule is None:
        return "the trigger has no schedule, so it has no slots"
    if case.changed is not None:
        when = spell_moment(case.changed.at, case)
        return (
            f"it was not a slot: the schedule was changed by {case.changed.by} at {when}, "
            "and had no slot then before"
        )
    if case.is_slot:
        return (
            "nothing is on record: the trigger was resumed or changed at that very time, "
            "or its row was deleted by hand"
        )
    following = (
        "no later one will come" if case.next_slot is None else f"next is {_spell_next(case)}"
    )
    return f"it is not a slot of {case.schedule}: {following}"


def _tell_pruned(case: Case) -> str:
    since = case.kept_since or case.at
    return (
        "what became of it is no longer on record: fires are kept since "
        f"{spell_moment(since, case)}"
    )


def _spell_next(case: Case) -> str:
    return spell_moment(case.next_slot or case.at, case)


def _spell_outcome(outcome: str) -> str:
    return _WORDS.get(outcome, outcome)


_WORDS = {
    "overlap_skipped": "skipped for an overlap",
    "loop": "stopped as a loop",
    "action_disabled": "skipped",
    "input_invalid": "refused",
}
_TELLERS: dict[str, Callable[[Case], str]] = {
    _FIRED: _tell_fired,
    PAUSED: _tell_paused,
    NOT_A_SLOT: _tell_no_slot,
    BEFORE_CREATION: _tell_before_creation,
    EXHAUSTED: _tell_exhausted,
    FUTURE: _tell_future,
    PRUNED: _tell_pruned,
}
