# make            what there is to make
# make run        Clockhook with a Postgres and a Valkey of its own, in .clockhook/ (Ctrl-C stops it)
# make demo       leads at the stack that `make run` runs, and their chains as they grow
# make setup      only the environment that `make run` needs, in .venv/
# make test       the tests; ARGS="tests/runs -x" narrows them down
# make check      everything that CI checks
# make zones      the schedules' rules in every time zone, at every change of clocks from 1990 to 2037
# make oracles    the vendors' own SDKs, in .venv/oracles, as judges of how we verify and sign
# make junk       10,000 requests of junk at the receiver: answers, times, memory
# make chaos      the whole fault suite, under 45 minutes; CHAOS_SEED=… makes the same choices again
# make soak       an hour at half load (SOAK_SECONDS); memory, dead tuples and latency stay
# make bench      the benchmarks, into benchmarks/RESULTS.md; ARGS="runs" narrows them down
# make fmt        format, and mend what ruff can mend
# make lock       lock the dependencies of pyproject.toml anew
#
# Settings (PORT, CLOCKHOOK_DATA, DATABASE_URL, REDIS_URL …) come from the environment: see README.

.DEFAULT_GOAL := help
.PHONY: help run demo setup setup-dev test check check-django zones oracles junk chaos soak
.PHONY: bench fmt lock
.NOTPARALLEL:
# A recipe is one program, so that a SIGTERM to make reaches it; paths are relative, so that the
# checkout may lie under a path with spaces. Installed scripts are run as modules: their first line
# names the place where they were installed.

PY := .venv/bin/python
STACK := $(PY) -m config.stack
# Where the rows of the fault matrix are, docs/faults.md says.
FAULTS := tests/acceptance/chaos tests/acceptance/test_faults.py tests/acceptance/test_shutdown.py \
	tests/acceptance/test_edits.py tests/webhooks/test_disk_full.py tests/webhooks/test_retries.py
# Those checks look at an installation behind HTTPS.
CHECK_ENV := CLOCKHOOK_PUBLIC_URL=https://clockhook.example

help:
	@sed -n 's/^# make/make/p' Makefile

run: setup
	@exec $(STACK) run

demo: setup
	@exec $(PY) manage.py show_demo $(ARGS)

setup:
	@.ci/environment requirements.txt

setup-dev:
	@.ci/environment requirements-dev.txt

test: setup-dev
	@exec $(STACK) exec -- $(PY) -m pytest $(ARGS)

check: setup-dev
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m ruff check --quiet .
	@$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()' --no-logo > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(PY) -m mypy --no-error-summary .
	@exec $(STACK) exec -- $(MAKE) --no-print-directory check-django test

check-django:
	@$(CHECK_ENV) $(PY) manage.py check --deploy --fail-level WARNING
	@$(PY) manage.py makemigrations --check --dry-run

zones: setup-dev
	@ZONES=all exec $(PY) -m pytest -p no:randomly tests/triggers/test_zones.py $(ARGS)

oracles: setup-dev
	@.ci/environment requirements-oracles.txt .venv/oracles
	@exec $(PY) -m pytest -p no:randomly tests/oracles $(ARGS)

junk: setup-dev
	@JUNK=10000 exec $(STACK) exec -- $(PY) -m pytest -p no:randomly -p no:logging -s tests/webhooks/test_junk.py $(ARGS)

chaos: setup-dev
	@exec $(STACK) exec -- $(PY) -m pytest -p no:randomly -m 'not soak' $(FAULTS) $(ARGS)

soak: setup-dev
	@exec $(STACK) exec -- $(PY) -m pytest -p no:randomly -m soak tests/acceptance/chaos/test_soak.py $(ARGS)

bench: setup
	@exec $(STACK) exec --durable -- $(PY) -m benchmarks $(ARGS)

fmt: setup-dev
	@$(PY) -m ruff format --quiet .
	@$(PY) -m ruff check --fix .

lock: setup
	@.ci/lock
