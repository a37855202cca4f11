#!/usr/bin/env python
"""Django's command line, with Clockhook's settings."""

import os
import sys

from django.core.management import execute_from_command_line

import config.celery  # noqa: F401 - the application whose bells commands ring

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
