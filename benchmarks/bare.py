"""Celery without Clockhook: the no-op task and the Beat that the product is compared with."""

import os

import django
from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Stock Beat reads its tasks through Django.
django.setup()

QUEUE = "bare"

app = Celery("bare", broker=settings.CELERY_BROKER_URL, set_as_current=False)
app.conf.update(task_default_queue=QUEUE, task_ignore_result=True, timezone="UTC")


@app.task(name="bare.noop", ignore_result=True)
def noop() -> None:
    """Nothing at all."""
