"""What a process remembers for a while: few things, and not for long."""

import threading
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memory(Generic[_Key, _Value]):
    """At most ``size`` values, each for ``seconds``; the oldest go first. Threads may share it."""

    def __init__(self, *, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._kept: dict[_Key, tuple[float, _Value]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def recall(self, key: _Key, *, now: float) -> _Value | None:
        """None when it was never kept, or too long ago on the monotonic clock."""
        kept = self._kept.get(key)
        if kept is None or now - kept[0] >= self._seconds:
            return None
        return kept[1]

    def keep(self, key: _Key, value: _Value, *, now: float) -> None:
        """Remember what was true at ``now``."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (now, value)
            if len(self._kept) > self._size:
                del self._kept[next(iter(self._kept))]

    def forget(self, key: _Key) -> None:
        """Whether it was known or not."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()


class Sparingly:
    """Lets ``per_second`` through in any second of the monotonic clock, more or less: threads that
    ask at once may be counted as one.
    """

    def __init__(self, *, per_second: int) -> None:
        self._per_second = per_second
        self._second, self._count = 0, 0

    def may(self, *, now: float) -> bool:
        """Whether one more may pass."""
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        return self._count <= self._per_second
