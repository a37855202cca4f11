"""What Celery's processes do while Redis is away."""

from typing import Any
from unittest import mock

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from config.broker import LONGEST_PAUSE_SECONDS, ReturningConnection
from config.celery import app


@pytest.mark.parametrize("purpose", ["connection_for_read", "connection_for_write"])
def test_every_connection_to_the_broker_comes_back_soon(purpose: str) -> None:
    with getattr(app, purpose)() as connection:
        assert isinstance(connection, ReturningConnection)
        assert isinstance(connection.clone(), ReturningConnection)


def test_the_pauses_between_tries_stay_short() -> None:
    pauses: list[float] = []

    def note(error: Exception, pause: float) -> None:
        pauses.append(pause)

    with (
        mock.patch("kombu.utils.functional.sleep"),
        ReturningConnection("redis://127.0.0.1:1/0") as connection,
        pytest.raises(OperationalError),
    ):
        connection.ensure_connection(note, max_retries=6)
    assert len(pauses) >= 5
    assert max(pauses) <= LONGEST_PAUSE_SECONDS


def test_who_asks_for_longer_pauses_gets_them() -> None:
    asked: dict[str, Any] = {}
    with (
        mock.patch.object(
            Connection,
            "_ensure_connection",
            side_effect=lambda *_, **options: asked.update(options),
        ),
        ReturningConnection("redis://127.0.0.1:1/0") as connection,
    ):
        connection.ensure_connection(interval_max=9)
    assert asked["interval_max"] == 9
