"""The Celery application: three queues, no results, no remote control.

Messages are doorbells (they carry no work), so every setting here aims at one thing: a process
that loses Redis finds it again by itself, and a lost or doubled message changes nothing.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("clockhook", amqp="config.broker:ReturningAMQP")
# Current in this thread only; the doorbell rings from one of its own.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
