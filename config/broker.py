"""Connections to Redis that come back soon, however long it was away."""

from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection

# kombu's own pause grows by 2 s per try, up to 30: after a long outage a worker would still sleep
# when everything else is at work again.
LONGEST_PAUSE_SECONDS = 2


class ReturningConnection(Connection):
    """A connection that never pauses for long between two tries."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("interval_max", LONGEST_PAUSE_SECONDS)
        return super().ensure_connection(*args, **kwargs)


class ReturningAMQP(AMQP):
    """Celery's broker side, on such connections."""

    Connection = ReturningConnection
    BrokerConnection = ReturningConnection
