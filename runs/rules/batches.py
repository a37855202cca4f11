"""How many instant runs are claimed at a time."""

from typing import Final

# A batch's rows stay locked until its one commit, and a run that kills its worker costs all of them
# an attempt: small is kinder. But each batch costs seven round trips and a flush, whatever its
# size: of no-ops 100 at a time are 16 % more in a second than 50, and 200 a quarter; past that
# little is won.
SMALLEST_BATCH: Final = 50
LARGEST_BATCH: Final = 200
# A batch that took longer than this is not doubled: who waits for one of its rows waits briefly.
QUICK_SECONDS: Final = 0.1


def choose_batch_size(size: int, *, claimed: int, seconds: float) -> int:
    """The next batch's size, after one of ``size`` that got ``claimed`` runs and took ``seconds``:
    doubled while there is a backlog of quick runs, else the smallest.
    """
    if claimed < size or seconds >= QUICK_SECONDS:
        return SMALLEST_BATCH
    return min(size * 2, LARGEST_BATCH)
