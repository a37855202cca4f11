"""One run of some of the benchmarks, from an empty database to the page."""

import logging
from collections.abc import Sequence

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
    for name in names:
        if name == "ingest":
            ingest.measure(report, seconds=ingest_seconds)
        elif name == "runs":
            runs.measure(report)
        elif name == "http":
            http_runs.measure(report)
        elif name == "latency":
            latency.measure(report)
        elif name == "history":
            history.measure(report, rows=history_rows)
        else:
            schedule.measure(report, stock_seconds=stock_seconds, times=times, is_many=is_many)
    if tuple(names) == NAMES:
        report.write()
