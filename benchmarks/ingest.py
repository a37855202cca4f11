"""Signed webhooks accepted by Granian, beside pgbench with the very same INSERT statements."""

import datetime as dt
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from benchmarks.machine import (
    find_postgres_program,
    find_program,
    query,
    read_cpu_seconds,
    read_postgres_seconds,
    run_program,
    wait_until,
)
from benchmarks.results import Report, Row
from benchmarks.scene import SECRET, clear_tables, make_destination, make_scene
from config import environment
from config.stack.welcome import answers
from webhooks.rules.received import ReceivedRequest
from webhooks.services import receive_delivery
from workspaces.services import Statement, together
from workspaces.services.together import send_together

_CONNECTIONS = 16
_WARM_UP_SECONDS = 2
_ACCEPTED = "SELECT count(*) FROM webhooks_delivery WHERE status = 'accepted'"
BODY = json.dumps(
    {
        "type": "lead.created",
        "id": "ld_8812",
        "contact": {"name": "Ana Lima", "phone": "+5511987654321", "email": "ana@example.com"},
        "campaign": {"id": 77, "source": "landing-page", "tags": ["spring", "new"]},
    }
).encode()
SIGNATURE = hmac.digest(SECRET.encode(), BODY, "sha256").hex()


def measure(report: Report, *, seconds: int) -> None:
    """No worker and no Beat runs meanwhile. The load generator's CPU time is nobody's."""
    if shutil.which("wrk") is None:
        report.note("ingest was skipped: wrk is not installed (Debian's package wrk).")
        return
    clear_tables()
    destination_id = make_destination(make_scene("ingest"))
    web, postgres = _measure_web(destination_id, seconds=seconds)
    report.add("ingest", web)
    report.note(f"Of an accept's CPU time, Postgres took {postgres / web.count * 1000:.3f} ms.")
    bench = _measure_pgbench(_capture_inserts(destination_id), seconds=seconds)
    report.add("ingest", bench)
    report.compare(
        "ingest: CPU per accept, web + Postgres", web.cpu_milliseconds, at_most=1.2, unit="ms"
    )
    report.compare(
        "ingest: accepts / pgbench transactions, per second", web.rate / bench.rate, at_least=0.2
    )


def _measure_web(destination_id: UUID, *, seconds: int) -> tuple[Row, float]:
    """The accepts, and Postgres' part of the CPU time."""
    port = find_program("web").env["PORT"]
    base = f"http://127.0.0.1:{port}"
    with run_program("web") as web:
        wait_until(lambda: answers(f"{base}/healthz"))
        _run_wrk(base, destination_id, "warm", seconds=_WARM_UP_SECONDS)
        accepted, postgres = query(_ACCEPTED)[0][0], read_postgres_seconds()
        cpu, started = read_cpu_seconds(web.pid), time.monotonic()
        _run_wrk(base, destination_id, "run", seconds=seconds)
        elapsed = time.monotonic() - started
        cpu = read_cpu_seconds(web.pid) - cpu
        postgres = read_postgres_seconds() - postgres
        accepted = query(_ACCEPTED)[0][0] - accepted
    return Row("signed webhooks accepted", accepted, elapsed, cpu + postgres), postgres


def _run_wrk(base: str, destination_id: UUID, run: str, *, seconds: int) -> None:
    script = Path(__file__).with_name("wrk.lua")
    options = ["-t", "1", "-c", str(_CONNECTIONS), "-d", f"{seconds}s", "-s", str(script), base]
    arguments = [f"/v1/hooks/{destination_id}", SIGNATURE, run, BODY.decode()]
    subprocess.run(["wrk", *options, "--", *arguments], check=True, capture_output=True)


def _capture_inserts(destination_id: UUID) -> list[str]:
    """The INSERTs of one accept as a script, with ids that differ per transaction."""
    inserts: list[Statement] = []

    def note(result: Any, check: Any, writes: Any, claim: Any) -> None:
        inserts.extend([claim.take, *writes])
        send_together(result, check, writes, claim)

    request = ReceivedRequest(
        method="POST",
        path=f"/v1/hooks/{destination_id}",
        headers={"x-amigo-request-signature": SIGNATURE, "x-amigo-idempotent-key": "pgbench"},
        body=BODY,
        size=len(BODY),
    )
    with mock.patch.object(together, "send_together", note):
        receive_delivery(
            request,
            workspace_id=None,
            destination_id=str(destination_id),
            now=dt.datetime.now(dt.UTC),
            started=time.perf_counter(),
        )
    return _number_ids([_bind(insert) for insert in inserts])


def _bind(insert: Statement) -> str:
    return psycopg.ClientCursor(connection.connection).mogrify(insert.sql, insert.values)


def _number_ids(texts: list[str]) -> list[str]:
    """pgbench replaces ``:n`` wherever it stands, also inside a literal."""
    ids = query(
        "SELECT id, event_id, fire_id, run_id, fired_event_id FROM webhooks_delivery"
        " ORDER BY id DESC LIMIT 1"
    )[0]
    replaced = {str(one): f"{str(one)[:13]}-7{n:03x}-8000-:n" for n, one in enumerate(ids)}
    replaced |= {one.hex: f"{one.hex[:12]}7{n:03x}8000:n" for n, one in enumerate(ids)}
    key_hash = hashlib.sha256(b"pgbench").hexdigest()
    replaced[key_hash] = f"{key_hash[:-12]}:n"
    pattern = re.compile("|".join(replaced))
    return [pattern.sub(lambda found: replaced[found[0]], " ".join(text.split())) for text in texts]


def _measure_pgbench(inserts: list[str], *, seconds: int) -> Row:
    script = environment.read_data_dir() / "pgbench.sql"
    statements = ["BEGIN", *inserts, "COMMIT"]
    choose = "\\set n random(100000000000, 999999999999)"
    script.write_text("\n".join([choose, *(f"{one};" for one in statements)]) + "\n")
    options = ["-n", "-c", str(_CONNECTIONS), "-j", "1", "-T", str(seconds), "-f", str(script)]
    before, counted = read_postgres_seconds(), query("SELECT count(*) FROM runs_run")[0][0]
    started = time.monotonic()
    subprocess.run(
        [find_postgres_program("pgbench"), *options, settings.DATABASE_URL],
        check=True,
        capture_output=True,
    )
    elapsed = time.monotonic() - started
    cpu = read_postgres_seconds() - before
    count = query("SELECT count(*) FROM runs_run")[0][0] - counted
    return Row("pgbench, the same INSERTs (Postgres' CPU alone)", count, elapsed, cpu)
