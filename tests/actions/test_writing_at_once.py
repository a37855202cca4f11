"""Actions changed by several at once: the database decides."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from actions.models import Action
from actions.services import (
    ExternalKeyTaken,
)
from tests.actions.factories import create, delete
from tests.factories import ActionFactory, TriggerFactory, WorkspaceFactory
from triggers.models import Trigger

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_an_action_and_a_trigger_that_appears_meanwhile_never_part() -> None:
    action = ActionFactory.create()
    is_inserted, may_commit = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def insert_trigger() -> None:
        try:
            with transaction.atomic():
                TriggerFactory.create(action=action)
                is_inserted.set()
                may_commit.wait(10)
        except IntegrityError as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=insert_trigger)
    thread.start()
    assert is_inserted.wait(10)
    delete(action)
    may_commit.set()
    thread.join()
    # The trigger was not to be seen, so the action went, and the database kept the trigger out.
    assert len(failures) == 1
    assert not Trigger.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_creations_with_one_external_key_one_is_refused() -> None:
    workspace = WorkspaceFactory.create()
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def make() -> None:
        try:
            barrier.wait(10)
            create(workspace, external_key="call")
            outcomes.append("made")
        except ExternalKeyTaken:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken", "taken", "taken"]
    assert Action.objects.count() == 1
