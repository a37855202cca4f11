"""Keeping children alive, and ending them together.

One thread, no polling: the supervisor sleeps until a signal or a child's death wakes it. Every
background child leads its own process group, and the supervisor adopts what its children leave
behind, so that a dead child's own children (a web server's workers) never outlive it.
"""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from types import FrameType

from config.stack.children import (
    Child,
    ChildSpec,
    describe_exit,
    restart_delay,
    start_process,
)
from config.stack.errors import StackError, StopRequested
from config.stack.logs import Log
from config.stack.processes import adopt_orphans

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NAP_SECONDS = 0.05


class Supervisor:
    """Owns the children of this process: whatever ends here is collected here."""

    def __init__(self, *, log: Log) -> None:
        self.log = log
        self.stop_signals: list[int] = []
        self._children: list[Child] = []
        self._bell, self._bell_writer = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._bell_writer, False)

    def watch_signals(self) -> None:
        """Note SIGTERM, SIGINT and SIGHUP instead of dying by them; adopt orphans from now on."""
        adopt_orphans()
        signal.set_wakeup_fd(self._bell_writer, warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    @property
    def is_asked_to_stop(self) -> bool:
        return bool(self.stop_signals)

    def start(self, spec: ChildSpec, *, is_kept: bool = True) -> Child:
        """Start a child; when it dies ``tend`` starts it again, unless it need not be kept.

        Raises: StackError when ``prepare`` refuses the start.
        """
        child = Child(spec=spec, is_wanted=is_kept)
        self._launch(child)
        self._children.append(child)
        return child

    def tend(self, *, seconds: float) -> None:
        """Sleep up to ``seconds``, or until something happens; bury the dead, restart the due."""
        now = time.monotonic()
        waits = [max(0.0, child.start_at - now) for child in self._children if child.start_at]
        self._sleep(min([seconds, *waits]))
        self._collect()
        for child in self._children:
            if child.start_at is not None and child.start_at <= time.monotonic():
                self._relaunch(child)

    def wait_until(
        self, is_ready: Callable[[], bool], *, seconds: float, child: Child | None = None
    ) -> bool:
        """True once ``is_ready()``; False when the time is over or ``child`` has died.

        Raises: StopRequested.
        """
        deadline = time.monotonic() + seconds
        while not is_ready():
            if self.is_asked_to_stop:
                raise StopRequested
            if time.monotonic() > deadline or (child is not None and child.deaths):
                return False
            self.tend(seconds=_NAP_SECONDS)
        return True

    def run_step(self, spec: ChildSpec) -> str:
        """Run a program to its end and return what it wrote to stdout; stderr goes to the log.

        Raises: StackError when it fails; StopRequested.
        """
        with tempfile.TemporaryFile() as output:
            child = Child(spec=spec, is_wanted=False)
            child.process = start_process(spec, output=output)
            self._follow(child)
            self._children.append(child)
            self.wait_until(lambda: not child.is_alive, seconds=float("inf"))
            self._children.remove(child)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if child.exit_code != 0:
            self.log.drain(seconds=1.0)
            for line in text.splitlines()[-20:]:
                self.log.say(line)
            ending = describe_exit(child.exit_code or 0)
            raise StackError(f"{spec.name} failed ({ending}); the log says why.")
        return text

    def stop(self, children: Sequence[Child]) -> None:
        """Ask children to end; kill those left after their grace, or at a further stop signal."""
        asked = len(self.stop_signals)
        for child in children:
            child.is_wanted, child.start_at = False, None
            _signal(child, child.spec.stop_signal)
        grace = max((child.spec.grace_seconds for child in children), default=0.0)
        deadline = time.monotonic() + grace
        while _any_alive(children) and time.monotonic() < deadline:
            if len(self.stop_signals) > asked:
                break
            self.tend(seconds=deadline - time.monotonic())
        for child in children:
            if child.is_alive:
                self.log.say(f"{child.spec.name} did not stop in time: killed.")
                _signal(child, signal.SIGKILL)
        deadline = time.monotonic() + 1.0
        while _any_alive(children) and time.monotonic() < deadline:
            self.tend(seconds=_NAP_SECONDS)
        self._children = [child for child in self._children if child not in children]

    def list_children(self) -> list[Child]:
        """All children, in the order of their start."""
        return list(self._children)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_signals.append(number)

    def _sleep(self, seconds: float) -> None:
        if not select.select([self._bell], [], [], max(0.0, min(seconds, 3600.0)))[0]:
            return
        try:
            while os.read(self._bell, 512):
                pass
        except BlockingIOError:
            pass

    def _collect(self) -> None:
        # Not Popen.wait: adopted orphans must be collected too.
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.process is not None and child.process.pid == pid:
                    self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, exit_code: int) -> None:
        if child.process is None:
            return
        child.process.returncode = child.exit_code = exit_code
        pid, child.process = child.process.pid, None
        if not child.spec.is_foreground:
            _kill_group(pid)
        if child.is_wanted:
            self._plan_restart(child, f"{child.spec.name} died ({describe_exit(exit_code)})")

    def _plan_restart(self, child: Child, reason: str) -> None:
        now = time.monotonic()
        child.deaths.append(now)
        delay = restart_delay(child.deaths, now=now)
        child.start_at = now + delay
        again = f"again in {delay:g} s" if delay else "starting it again"
        self.log.say(f"{reason}: {again}.")

    def _relaunch(self, child: Child) -> None:
        child.start_at = None
        try:
            self._launch(child)
        except (StackError, OSError) as error:
            self._plan_restart(child, f"{child.spec.name} cannot start ({error})")

    def _launch(self, child: Child) -> None:
        if child.spec.prepare is not None:
            child.spec.prepare()
        try:
            child.process = start_process(child.spec, output=subprocess.PIPE)
        except OSError as error:
            raise StackError(f"{child.spec.name} cannot be started: {error}") from error
        self._follow(child)

    def _follow(self, child: Child) -> None:
        process = child.process
        stream = process and (process.stdout or process.stderr)
        if stream:
            self.log.follow(stream, name=child.spec.name)


def _any_alive(children: Sequence[Child]) -> bool:
    return any(child.is_alive for child in children)


def _signal(child: Child, number: signal.Signals) -> None:
    """To the leader alone, which ends its own; killing takes the whole group."""
    if child.process is None:
        return
    if number == signal.SIGKILL and not child.spec.is_foreground:
        _kill_group(child.process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.process.pid, number)


def _kill_group(leader: int) -> None:
    # PermissionError: macOS' word for a group of which only zombies are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
