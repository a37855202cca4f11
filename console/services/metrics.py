"""Prometheus' view of the engine: the whole installation, never a tenant."""

import datetime as dt
import logging
from collections.abc import Iterable

from django.db import DatabaseError
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from runs.services import read_queue_depths
from triggers.services import list_live_heartbeats

logger = logging.getLogger(__name__)


class EngineCollector:
    """Reads the gauges from the database at each scrape, so that any process may be asked."""

    def __init__(self, *, now: dt.datetime) -> None:
        self._now = now

    def collect(self) -> Iterable[GaugeMetricFamily]:
        up = GaugeMetricFamily("clockhook_database_up", "1 when Postgres answers.")
        try:
            gauges = [*_read_queues(), *_read_beats(self._now)]
        except DatabaseError as error:
            logger.warning("The metrics could not be read: %s", error)
            gauges = []
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        return [up, *gauges]


def render_metrics(now: dt.datetime) -> bytes:
    """The exposition text: the engine's gauges, then what this process counts itself."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(now=now))
    return generate_latest(registry) + generate_latest(REGISTRY)


def _read_queues() -> list[GaugeMetricFamily]:
    due = GaugeMetricFamily(
        "clockhook_runs_due", "Runs that wait to be claimed (counted to 1,000).", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "clockhook_runs_oldest_due_seconds", "Age of the oldest of them.", labels=["queue"]
    )
    for queue, count, age_seconds in read_queue_depths():
        due.add_metric([queue], count)
        oldest.add_metric([queue], age_seconds)
    return [due, oldest]


def _read_beats(now: dt.datetime) -> list[GaugeMetricFamily]:
    beats = list_live_heartbeats(now=now)
    alive = GaugeMetricFamily("clockhook_beats_alive", "Beats that ticked in the last 10 s.")
    alive.add_metric([], len(beats))
    leaders = GaugeMetricFamily("clockhook_beat_leaders", "Beats that lead; 1 is right.")
    leaders.add_metric([], sum(beat.is_leader for beat in beats))
    lag = GaugeMetricFamily("clockhook_beat_lag_seconds", "How late the last fires were.")
    lag.add_metric([], max((beat.last_lag_seconds for beat in beats), default=0))
    return [alive, leaders, lag]
