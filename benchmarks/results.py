"""Rows, ratios, and the page they are written on."""

import datetime as dt
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import describe_machine

PAGE = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Row:
    """One measurement: ``count`` of ``name`` in ``seconds``, at this much CPU time of all sides."""

    name: str
    count: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        return self.cpu_seconds * 1000 / max(1, self.count)


def find_median_rate(rows: Iterable[Row]) -> float:
    """Of some measurements of one thing: how many per second the one in the middle had."""
    return statistics.median_low(row.rate for row in rows)


@dataclass
class Report:
    """What one run found; lines are printed as they come."""

    verdicts: list[str] = field(default_factory=list)
    rows: list[tuple[str, Row]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: list[str] = field(default_factory=describe_machine)

    def add(self, benchmark: str, row: Row) -> None:
        self.rows.append((benchmark, row))
        print(
            f"{benchmark}: {row.name}: {row.count} in {row.seconds:.2f} s = {row.rate:,.1f}/s,"
            f" {row.cpu_milliseconds:.3f} ms CPU each",
            flush=True,
        )

    def compare(
        self,
        what: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "×",  # noqa: RUF001 - times
    ) -> None:
        """A figure with its bar, when it has one."""
        limit, verdict = "", ""
        if at_least is not None:
            limit, verdict = f"≥ {at_least:g} {unit}", "yes" if value >= at_least else "**no**"
        if at_most is not None:
            limit, verdict = f"≤ {at_most:g} {unit}", "yes" if value <= at_most else "**no**"
        self.verdicts.append(f"| {what} | {value:.2f} {unit} | {limit} | {verdict} |")
        print(f"{what}: {value:.2f} {unit} {limit} {verdict}", flush=True)

    def note(self, text: str) -> None:
        self.notes.append(text)
        print(text, flush=True)

    def write(self) -> None:
        """Put all of it into RESULTS.md."""
        today = dt.datetime.now(dt.UTC).date()
        lines = ["# Benchmarks", "", f"`make bench`, {today}. Ratios compare both sides of one run"]
        lines += ["on one machine; the figures themselves say little about another one.", ""]
        lines += [f"* {line}" for line in (*self.machine, *self.notes)]
        lines += ["", "| | | bar | met |", "| --- | ---: | ---: | --- |", *self.verdicts, ""]
        lines += ["| benchmark | what | count | seconds | per second | CPU ms each |"]
        lines += ["| --- | --- | ---: | ---: | ---: | ---: |"]
        lines += [
            f"| {benchmark} | {row.name} | {row.count:,} | {row.seconds:.2f} |"
            f" {row.rate:,.1f} | {row.cpu_milliseconds:.3f} |"
            for benchmark, row in self.rows
        ]
        PAGE.write_text("\n".join(lines) + "\n")
