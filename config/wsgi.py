"""The WSGI door that Granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

site = get_wsgi_application()

import config.celery  # noqa: E402, F401 - the application whose bells are rung
from config.hooks import build_application  # noqa: E402 - Django has to be set up first

application = build_application(site)
