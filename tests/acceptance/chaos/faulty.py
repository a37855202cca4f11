"""``python -m tests.acceptance.chaos.faulty ARGUMENTS…``: Celery with places where it may die.

A process that comes to a place whose name is that of a file in ``CHAOS_FAULTS`` takes the file away
and is killed on the spot: one file, one death. And ``noop`` does what its input's ``fault`` says.
"""

import ctypes
import functools
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from celery.__main__ import main
from kombu.transport import redis as transport

from tests.acceptance.chaos.stack import FAULTS


def die_at(place: str) -> None:
    try:
        (Path(os.environ[FAULTS]) / place).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, place: str) -> None:
    """Make a function a place to die at, before it does anything."""
    function: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(function)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        die_at(place)
        return function(*args, **kwargs)

    setattr(owner, name, replacement)


def plant_places() -> None:
    # Django is set up by now, and only now may they be imported.
    due = import_module("triggers.services.due")
    doorbell = import_module("runs.doorbell")
    drain, perform = import_module("runs.execution.drain"), import_module("runs.execution.perform")
    before(due, "load_actions", "beat.selected")
    before(due, "append_events", "beat.inserted")
    before(due, "advance_schedules", "beat.advancing")
    before(doorbell.Doorbell, "ring", "committed")
    before(transport.QoS, "append", "worker.popped")
    before(drain, "execute_batch", "worker.claimed")
    before(drain, "execute_run", "worker.claimed")
    before(perform, "write_transitions", "worker.performed")
    before(perform, "settle_run", "worker.performed")


def plant_poison() -> None:
    kind: Any = import_module("actions.kinds.noop").Noop
    perform = kind.perform

    def perform_fault(self: Any, call: Any) -> Any:
        fault = call.input.get("fault")
        if fault == "exit":
            os._exit(1)
        elif fault == "segfault":
            ctypes.string_at(0)
        elif fault == "memory":
            # What the kernel does to a process that takes too much.
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "sleep":
            time.sleep(float(call.input["seconds"]))
        return perform(self, call)

    kind.perform = perform_fault


if __name__ == "__main__":
    django.setup()
    plant_places()
    plant_poison()
    sys.argv = ["celery", *sys.argv[1:]]
    main()
