"""Group commit: what several threads want to write at the same moment goes out as one."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)

# A statement is prepared for each of these, on each connection.
SIZES = (8, 4, 2, 1)
# Longer than a commit takes on a busy machine. Who has waited that long sends without waiting any
# more: nobody queues behind a statement that is stuck.
PATIENCE_SECONDS = 0.03

_Item = TypeVar("_Item")


@dataclass(slots=True, eq=False)
class _Sender(Generic[_Item]):
    """A thread that has come with something to send."""

    item: _Item
    kind: Hashable
    key: Hashable
    turn: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    is_sent: bool = False


class GroupCommit(Generic[_Item]):
    """Threads that send while nobody else does; who comes meanwhile waits, and then one of them
    sends for all: the commit, the way there and back and the statement's overhead are paid once.

    ``send`` sends one item or several as one, wholly or not at all.
    """

    def __init__(self, send: Callable[[Sequence[_Item]], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._waiting: list[_Sender[_Item]] = []
        self._sending = 0

    def send(self, item: _Item, *, kind: Hashable, key: Hashable) -> None:
        """Return when the item is sent, by this thread or another.

        Only items of one ``kind`` go together, and of those with the same ``key`` only one. Where
        several fail together each is sent once more by itself, so that nobody suffers for another.
        Raises whatever ``send`` does with the item alone.
        """
        sender = self._come(item, kind, key)
        if sender.leads or self._await_turn(sender):
            self._lead(sender)
        if not sender.is_sent:
            self._send([item])

    def _come(self, item: _Item, kind: Hashable, key: Hashable) -> _Sender[_Item]:
        sender = _Sender(item, kind, key)
        with self._lock:
            if not self._sending:
                self._sending, sender.leads = 1, True
                return sender
            sender.turn.acquire()
            self._waiting.append(sender)
        return sender

    def _await_turn(self, sender: _Sender[_Item]) -> bool:
        """Whether it is this thread that sends next; else another one has taken its item along."""
        if not sender.turn.acquire(timeout=PATIENCE_SECONDS):
            with self._lock:
                if sender in self._waiting and not sender.leads:
                    self._sending, sender.leads = self._sending + 1, True
                    return True
            sender.turn.acquire()
        return sender.leads

    def _lead(self, sender: _Sender[_Item]) -> None:
        others = self._gather(sender)
        try:
            if others:
                self._send_as_one([sender, *others])
            else:
                self._send([sender.item])
                sender.is_sent = True
        finally:
            self._leave(others)

    def _gather(self, leader: _Sender[_Item]) -> list[_Sender[_Item]]:
        """Those of the waiting who go along."""
        with self._lock:
            if leader in self._waiting:
                self._waiting.remove(leader)
            if not self._waiting:
                return []
            fitting = {leader.key: leader}
            for sender in self._waiting:
                if sender.kind == leader.kind and not sender.leads:
                    fitting.setdefault(sender.key, sender)
            size = next(size for size in SIZES if size <= len(fitting))
            _, *others = list(fitting.values())[:size]
            for sender in others:
                self._waiting.remove(sender)
        return others

    def _send_as_one(self, senders: Sequence[_Sender[_Item]]) -> None:
        try:
            self._send([sender.item for sender in senders])
        except Exception:
            # Each of them meets its own error, if it is one's.
            log.info("group_not_written", size=len(senders), exc_info=True)
            return
        for sender in senders:
            sender.is_sent = True

    def _leave(self, others: Sequence[_Sender[_Item]]) -> None:
        """Let those go who were taken along, and one of the waiting send next."""
        with self._lock:
            self._sending -= 1
            if self._waiting and not self._sending:
                self._sending, self._waiting[0].leads = 1, True
                self._waiting[0].turn.release()
        for sender in others:
            sender.turn.release()
