"""One run of some of the benchmarks, from an empty database to the page."""

import logging
from collections.abc import Callable, Sequence

from benchmarks import history, http_runs, ingest, latency, runs, schedule
from benchmarks.results import Report
from benchmarks.scene import renew_database

NAMES = ("ingest", "runs", "http", "latency", "schedule", "history")


def run_benchmarks(
    names: Sequence[str],
    *,
    stock_seconds: float,
    ingest_seconds: int,
    times: int,
    is_many: bool,
    history_rows: int,
) -> None:
    """Run them in the order given; the page is written when all of them ran."""
    logging.disable(logging.INFO)
    renew_database()
    report = Report()
    report.note(
        f"Accepts are measured for {ingest_seconds} s, Beats {times} times, the stock one for"
        f" {stock_seconds:g} s each; the history has {history_rows:,} events."
    )
    measures: dict[str, Callable[[], None]] = {
        "ingest": lambda: ingest.measure(report, seconds=ingest_seconds),
        "runs": lambda: runs.measure(report),
        "http": lambda: http_runs.measure(report),
        "latency": lambda: latency.measure(report),
        "schedule": lambda: schedule.measure(
            report, stock_seconds=stock_seconds, times=times, is_many=is_many
        ),
        "history": lambda: history.measure(report, rows=history_rows),
    }
    for name in names:
        measures[name]()
    if tuple(names) == NAMES:
        report.write()
