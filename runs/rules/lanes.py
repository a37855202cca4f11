"""Where a run waits: a queue of Celery's, or beside it, in the lane of actions with a cap.

``Run.queue`` holds the lane. Runs of actions without ``max_concurrency`` never meet those with one:
a full action holds up nobody, and nobody else pays for the count.
"""

from typing import Final

_CAPPED_SUFFIX: Final = ".capped"

CAPPED_LANES: Final = ("instant.capped", "network.capped")


def name_lane(queue: str, *, is_capped: bool) -> str:
    """The lane of a run on one of Celery's queues."""
    return f"{queue}{_CAPPED_SUFFIX}" if is_capped else queue


def is_capped_lane(lane: str) -> bool:
    """Whether the lane's runs are counted against their actions' caps."""
    return lane.endswith(_CAPPED_SUFFIX)


def find_queue(lane: str) -> str:
    """Celery's queue, whose workers serve the lane."""
    return lane.removesuffix(_CAPPED_SUFFIX)
