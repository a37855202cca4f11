"""The embedded default: a Postgres, a Valkey and Clockhook's own processes under one supervisor.

``python -m config.stack run`` is ``make run``; ``python -m config.stack exec -- COMMAND`` gives a
command (the tests) a Postgres and a Valkey of its own. Django is not imported here: whatever needs
it runs as a ``manage.py`` child, so that the supervisor stays small and hard to kill.
"""
