"""One workspace's backlog is not another one's."""

import time

import pytest
from django.db import connection

from runs.execution.claim import claim_runs
from tests.factories import ActionFactory, queue_run

pytestmark = pytest.mark.django_db

BACKLOG = 100_000

# Copies of one run, as many as a workspace may have waiting.
_COPY = """
INSERT INTO runs_run (id, {columns}) SELECT gen_random_uuid(), {columns} FROM runs_run
CROSS JOIN generate_series(1, %s) WHERE id = %s
"""


@pytest.mark.parametrize("limit", [1, 50])
def test_a_hundred_thousand_queued_runs_delay_another_workspace_by_less_than_a_second(
    limit: int,
) -> None:
    busy = queue_run(ActionFactory.create())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_name = 'runs_run' AND column_name <> 'id'"
        )
        (columns,) = cursor.fetchone()
        cursor.execute(_COPY.format(columns=columns), [BACKLOG, busy.id])
    lonely = queue_run(ActionFactory.create())
    started = time.monotonic()
    claimed = {run.id for _ in range(2) for run in claim_runs("instant", limit=limit)}
    assert lonely.id in claimed
    assert time.monotonic() - started < 1


def test_a_high_priority_goes_first_across_workspaces() -> None:
    for _ in range(3):
        queue_run(ActionFactory.create(), priority=5)
    urgent = queue_run(ActionFactory.create(), priority=6)
    assert [run.id for run in claim_runs("instant", limit=50)] == [urgent.id]
