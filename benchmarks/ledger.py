"""The ledger checker: what clients were told, against what Postgres and a counting target have.

``find_faults`` finds nothing where no work was lost, doubled or left half-told, whatever was killed
meanwhile. All of it is pure; ``read_ledger`` fetches the rows.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from benchmarks.ledger_rows import (
    Acknowledged,
    EventRow,
    Fault,
    FireRow,
    Ledger,
    RunRow,
    read_ledger,
)

__all__ = [
    "Acknowledged",
    "EventRow",
    "Fault",
    "FireRow",
    "Ledger",
    "RunRow",
    "find_faults",
    "read_ledger",
]

TERMINAL = {
    "completed": "trigger.completed",
    "failed": "trigger.failed",
    "cancelled": "trigger.cancelled",
}
# The events that a run's moves write, one per move.
MOVES = frozenset({*TERMINAL.values(), "trigger.retrying", "trigger.delegated"})
FIRED = "trigger.fired"


def find_faults(
    ledger: Ledger,
    *,
    acknowledged: Iterable[Acknowledged] = (),
    calendar: Mapping[str, Iterable[dt.datetime]] | None = None,
    executions: Mapping[str, Sequence[int]] | None = None,
    executed_by: Collection[str] | None = None,
    has_process_died: bool = True,
    has_zombie: bool = False,
    is_complete: bool = True,
) -> list[Fault]:
    """Whatever is wrong, nothing if nothing is.

    ``calendar``: per trigger the slots that had to fire, and no others. ``executions``: per run the
    attempts that a counting target saw, in the order in which they came; ``executed_by``: the
    triggers whose runs it must have seen, None for all. ``has_process_died``: an attempt may have
    ended before its target saw it; ``has_zombie``: one may come late.
    ``is_complete``: every run is expected to have ended.
    """
    return [
        *check_acknowledged(ledger, acknowledged),
        *check_fires(ledger),
        *check_runs(ledger, is_complete=is_complete),
        *check_chains(ledger),
        *(check_calendar(ledger, calendar) if calendar is not None else ()),
        *(
            check_executions(
                [
                    run
                    for run in ledger.runs
                    if executed_by is None or run.trigger_id in executed_by
                ],
                executions,
                has_process_died=has_process_died,
                has_zombie=has_zombie,
            )
            if executions is not None
            else ()
        ),
    ]


def check_acknowledged(ledger: Ledger, acknowledged: Iterable[Acknowledged]) -> Iterator[Fault]:
    """Every answer names a fire and a run that are there; one key one run, one run one key."""
    answers = set(acknowledged)
    fires = {(fire.run_id, fire.fired_event_id) for fire in ledger.fires}
    runs = {run.id for run in ledger.runs}
    for answer in answers:
        if (answer.run_id, answer.fired_event_id) not in fires or answer.run_id not in runs:
            yield Fault("acknowledged_lost", answer.run_id, f"{answer.key}: not in the ledger")
    keys = {(answer.key, answer.run_id) for answer in answers}
    for key, count in Counter(key for key, _ in keys if key is not None).items():
        if count > 1:
            yield Fault("key_fired_twice", key, f"answered with {count} runs")
    for run_id, count in Counter(run_id for _, run_id in keys).items():
        if count > 1:
            yield Fault("run_answered_twice", run_id, f"stands for {count} deliveries")


def check_fires(ledger: Ledger) -> Iterator[Fault]:
    """Keys are unique, a fired fire has its one run, and a run its one fire."""
    runs = {run.id: run for run in ledger.runs}
    for (trigger_id, key), count in Counter((f.trigger_id, f.key) for f in ledger.fires).items():
        if count > 1:
            yield Fault("fire_doubled", trigger_id, f"{key}: {count} rows")
    fires_of_run = Counter(fire.run_id for fire in ledger.fires if fire.run_id is not None)
    for fire in ledger.fires:
        run = runs.get(fire.run_id or "")
        if fire.outcome == "fired" and run is None:
            yield Fault("fire_without_run", fire.id, f"{fire.key} fired, but its run is not there")
        elif run is not None and (run.fire_id, run.fired_event_id) != (
            fire.id,
            fire.fired_event_id,
        ):
            yield Fault("fire_and_run_differ", fire.id, f"run {run.id} belongs to another fire")
    for run in ledger.runs:
        if run.fire_id is not None and fires_of_run[run.id] != 1:
            yield Fault("run_without_fire", run.id, f"named by {fires_of_run[run.id]} fires")


def check_runs(ledger: Ledger, *, is_complete: bool = True) -> Iterator[Fault]:
    """Each run: one terminal event, of its status; attempts 1, 2, 3 … without a gap."""
    moves: dict[str, list[EventRow]] = defaultdict(list)
    for event in ledger.events:
        if event.run_id is not None and event.event_type in MOVES:
            moves[event.run_id].append(event)
    for run in ledger.runs:
        yield from _check_run(run, moves[run.id], is_complete=is_complete)


def _check_run(run: RunRow, moves: Sequence[EventRow], *, is_complete: bool) -> Iterator[Fault]:
    ends = [event.event_type for event in moves if event.event_type in TERMINAL.values()]
    expected = [TERMINAL[run.status]] if run.status in TERMINAL else []
    if len(ends) > 1:
        yield Fault("ended_twice", run.id, f"terminal events {ends}")
    elif ends != expected:
        yield Fault("end_not_told", run.id, f"{run.status}, terminal events {ends}")
    if is_complete and run.status not in TERMINAL:
        yield Fault("not_ended", run.id, f"still {run.status}")
    attempts = [e.data.get("attempt") for e in moves if e.event_type == "trigger.retrying"]
    if attempts != list(range(1, len(attempts) + 1)):
        yield Fault("attempts_broken", run.id, f"its retries tell of the attempts {attempts}")
    # The claim of the last attempt; a run that was cancelled or timed out in the queue had none.
    begun = {len(attempts), len(attempts) + 1} if run.status != "completed" else {len(attempts) + 1}
    if run.attempt not in begun:
        text = f"{run.status} in attempt {run.attempt} after {len(attempts)} retries"
        yield Fault("attempts_broken", run.id, text)
    lost = sum((e.data.get("error") or {}).get("code") == "worker_lost" for e in moves)
    if lost != run.lost_leases:
        text = f"lost {run.lost_leases} leases, its events tell of {lost}"
        yield Fault("lost_lease_not_told", run.id, text)
    if moves and run.status in TERMINAL and run.last_event_id != moves[-1].id:
        yield Fault("chain_goes_on", run.id, "its last event is not the one that the row names")


def check_chains(ledger: Ledger) -> Iterator[Fault]:
    """Each chain: one beginning, every event below it, and no two moves after the same one."""
    chains: dict[str, list[EventRow]] = defaultdict(list)
    for event in ledger.events:
        chains[event.chain_id].append(event)
    for run in ledger.runs:
        events = {event.id: event for event in chains[run.chain_id]}
        fired = events.get(run.fired_event_id)
        if fired is None or (fired.event_type, fired.run_id) != (FIRED, run.id):
            yield Fault("fired_not_told", run.id, "its trigger.fired is not there")
        if run.last_event_id not in events:
            yield Fault("chain_broken", run.id, "the last event that its row names is not there")
    for chain_id, members in chains.items():
        yield from _check_chain(chain_id, members)


def _check_chain(chain_id: str, events: Sequence[EventRow]) -> Iterator[Fault]:
    by_id = {event.id: event for event in events}
    roots = [event.id for event in events if event.parent_id is None]
    if roots != [chain_id]:
        yield Fault("chain_broken", chain_id, f"{len(roots)} beginnings")
    for event in events:
        if event.parent_id is not None and event.parent_id not in by_id:
            yield Fault("chain_broken", chain_id, f"{event.event_type} follows what is not there")
        elif not _leads_to_root(event, by_id):
            yield Fault("chain_broken", chain_id, f"{event.event_type} goes round in a circle")
    followers = Counter(
        (event.run_id, event.parent_id) for event in events if event.event_type in MOVES
    )
    for (run_id, _), count in followers.items():
        if count > 1:
            yield Fault("chain_forked", str(run_id), f"{count} moves from the same state")


def _leads_to_root(event: EventRow, by_id: Mapping[str, EventRow]) -> bool:
    """False for a circle; a missing parent is another fault."""
    seen: set[str] = set()
    parent = by_id.get(event.parent_id or "")
    while parent is not None:
        if parent.id in seen:
            return False
        seen.add(parent.id)
        parent = by_id.get(parent.parent_id or "")
    return True


def check_calendar(
    ledger: Ledger, calendar: Mapping[str, Iterable[dt.datetime]]
) -> Iterator[Fault]:
    """What fired by schedule is the calendar: nothing missing, nothing more, nothing twice."""
    fired: dict[str, Counter[dt.datetime]] = defaultdict(Counter)
    for fire in ledger.fires:
        if fire.cause == "schedule" and fire.outcome == "fired" and fire.scheduled_for is not None:
            fired[fire.trigger_id][fire.scheduled_for] += 1
    for trigger_id, slots in calendar.items():
        expected = set(slots)
        for slot in sorted(expected - set(fired[trigger_id])):
            yield Fault("slot_missing", trigger_id, slot.isoformat())
        for slot, count in sorted(fired[trigger_id].items()):
            if slot not in expected:
                yield Fault("slot_unasked", trigger_id, slot.isoformat())
            if count > 1:
                yield Fault("slot_doubled", trigger_id, f"{slot.isoformat()}: {count} fires")


def check_executions(
    runs: Sequence[RunRow],
    executions: Mapping[str, Sequence[int]],
    *,
    has_process_died: bool,
    has_zombie: bool,
) -> Iterator[Fault]:
    """The target saw each completed run, each attempt at most once, and attempts rising: a later
    token never works before an earlier one, unless a zombie wakes up late.

    Where no process died, every attempt that was begun was seen.
    """
    for run_id in executions.keys() - {run.id for run in runs}:
        yield Fault("executed_unknown", run_id, "the target saw it, and there is no such run")
    for run in runs:
        seen = list(executions.get(run.id, ()))
        if run.status == "completed" and not seen:
            yield Fault("not_executed", run.id, "completed, and its target never saw it")
        if len(seen) > len(set(seen)) or max(seen, default=0) > run.attempt:
            yield Fault("executed_twice", run.id, f"seen as {seen} in {run.attempt} attempts")
        elif seen != sorted(seen) and not has_zombie:
            yield Fault("attempts_fell", run.id, f"seen as {seen}")
        elif not has_process_died and len(seen) != run.attempt:
            yield Fault("attempt_unseen", run.id, f"seen as {seen} in {run.attempt} attempts")
