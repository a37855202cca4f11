"""Run by Procrastinate's own environment: ``procrastinate_noop.py DATABASE_URL COUNT``."""

import json
import logging
import sys
import time
from typing import Any

import procrastinate


def main(url: str, count: int) -> None:
    """Work off ``count`` jobs with two slots; prints how long that took."""
    logging.disable(logging.INFO)
    connector = procrastinate.SyncPsycopgConnector(conninfo=url)
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))

    @app.task(name="noop")
    async def noop(number: int) -> None:
        """Nothing at all."""

    with app.replace_connector(connector) as maker, maker.open():
        maker.schema_manager.apply_schema()
        jobs: list[dict[str, Any]] = [{"number": number} for number in range(count)]
        maker.tasks["noop"].batch_defer(*jobs)
    started, cpu = time.monotonic(), time.process_time()
    app.run_worker(wait=False, concurrency=2, listen_notify=False)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    print(json.dumps({"count": count, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
