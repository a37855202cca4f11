"""Which Celery application rings: every process that may start runs knows ours, in every thread."""

import os
import subprocess
import sys

import pytest

from config import environment

_ASK = """
import threading
from celery import current_app
threading.Thread(target=lambda: print(current_app.main, current_app.conf.broker_url)).start()
"""


@pytest.mark.parametrize("door", ["config.wsgi", "manage"])
def test_a_thread_of_a_process_rings_our_broker(door: str) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", f"import {door}\n{_ASK}"],
        cwd=environment.CHECKOUT,
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1/7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == ["clockhook", "redis://127.0.0.1:1/7"]
