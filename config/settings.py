"""Every setting; those of the admin and of retention stand in files of their own. The environment
decides (see README, "Settings"); nothing here does I/O but reading the data folder's notes and
secrets.
"""

import os
import sys
import zoneinfo

import django_stubs_ext
import structlog
from kombu import Queue

from config import environment, periodic
from config.admin_settings import *  # noqa: F403 - settings are the names of this module
from config.database import read_database
from config.history_settings import *  # noqa: F403 - as above

# Time zones are those of the locked tzdata package in every process, never the host's own.
zoneinfo.reset_tzpath(())

# Django's classes take type parameters at run time too (admin.ModelAdmin[Trigger]).
django_stubs_ext.monkeypatch()

BASE_DIR = environment.CHECKOUT
STACK = environment.read_stack_file()
DATA_DIR = environment.read_data_dir()

DEBUG = False
SECRET_KEY = environment.read_or_make_secret("CLOCKHOOK_SECRET_KEY")
# Fernet keys, separated by commas: the first encrypts, all decrypt.
CLOCKHOOK_ENCRYPTION_KEYS = [
    key.strip()
    for key in environment.read_or_make_secret("CLOCKHOOK_ENCRYPTION_KEYS").split(",")
    if key.strip()
]
PORT = int(os.environ.get("PORT") or STACK.get("port") or 8000)
CLOCKHOOK_PUBLIC_URL = (
    os.environ.get("CLOCKHOOK_PUBLIC_URL") or STACK.get("base_url") or f"http://127.0.0.1:{PORT}"
).rstrip("/")
# Where this machine itself reaches the web server; the public address may lie behind a proxy.
CLOCKHOOK_BASE_URL = STACK.get("base_url") or CLOCKHOOK_PUBLIC_URL
CLOCKHOOK_ALLOW_PRIVATE_TARGETS = environment.read_flag("CLOCKHOOK_ALLOW_PRIVATE_TARGETS")
# Requests a minute: of an API key that says nothing else, and of one address at webhooks (0: none).
CLOCKHOOK_KEY_RATE_LIMIT_PER_MINUTE = int(
    os.environ.get("CLOCKHOOK_KEY_RATE_LIMIT_PER_MINUTE") or 6000
)
CLOCKHOOK_ADDRESS_RATE_LIMIT_PER_MINUTE = int(
    os.environ.get("CLOCKHOOK_ADDRESS_RATE_LIMIT_PER_MINUTE") or 0
)
CLOCKHOOK_DATA = DATA_DIR
# The shortest `@every` that a trigger may be given, in seconds.
CLOCKHOOK_SHORTEST_INTERVAL_SECONDS = int(
    os.environ.get("CLOCKHOOK_SHORTEST_INTERVAL_SECONDS") or 10
)
# Who places outbound calls: a key of actions.providers.PROVIDERS.
CLOCKHOOK_CALL_PROVIDER = os.environ.get("CLOCKHOOK_CALL_PROVIDER") or "console"
# Where the console provider notes what it placed; empty: it prints only.
CLOCKHOOK_CONSOLE_CALLS_FILE = os.environ.get("CLOCKHOOK_CONSOLE_CALLS_FILE", "")
# Which kind of process this is: "web", "worker", "beat"; empty for commands and tests.
CLOCKHOOK_ROLE = os.environ.get("CLOCKHOOK_ROLE", "")

# Signatures protect the doors, not the Host header: webhooks arrive under whatever name a proxy
# gives us.
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",  # Before the admin, whose templates and site it replaces.
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "axes",
    "workspaces",
    "events",
    "actions",
    "runs",
    "triggers",
    "webhooks",
    "console",
]

MIDDLEWARE = [
    "workspaces.rest.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
# The admin's and Swagger UI's files are served straight from their packages: no collectstatic step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# ── Postgres ─────────────────────────────────────────────────────────────────────────────────────

DATABASE_URL = (
    os.environ.get("DATABASE_URL") or STACK.get("database_url") or "postgresql:///clockhook"
)
# Threads of this process that may need a connection.
SLOTS = int(os.environ.get("CLOCKHOOK_SLOTS") or 8)
DATABASES = {"default": read_database(DATABASE_URL, role=CLOCKHOOK_ROLE, slots=SLOTS)}

# ── Redis and Celery ─────────────────────────────────────────────────────────────────────────────

REDIS_URL = os.environ.get("REDIS_URL") or STACK.get("redis_url") or "redis://127.0.0.1:6379/0"


def translate_redis_url(url: str) -> str:
    """``unix://path`` as kombu writes it (``redis+socket://path``); other forms unchanged."""
    scheme, separator, rest = url.partition("://")
    if scheme == "rediss" and "ssl_cert_reqs" not in rest:
        # kombu would not check the certificate unless told to; redis-py does by itself.
        return f"{url}{'&' if '?' in rest else '?'}ssl_cert_reqs=required"
    if scheme != "unix":
        return url
    path, question, query = rest.partition("?")
    # kombu names the database "virtual_host"; redis-py names it "db".
    query = query.replace("db=", "virtual_host=")
    return f"redis+socket{separator}{path}{question}{query}"


_IS_PUBLISHER_ONLY = CLOCKHOOK_ROLE != "worker"
CELERY_BROKER_URL = translate_redis_url(REDIS_URL)
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("instant", "network", "system")]
CELERY_TASK_DEFAULT_QUEUE = "system"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 0.5 if _IS_PUBLISHER_ONLY else 5
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 1 if _IS_PUBLISHER_ONLY else 5,
    "socket_connect_timeout": 0.5 if _IS_PUBLISHER_ONLY else 2,
    "health_check_interval": 10,
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 30,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = periodic.SCHEDULE

# ── Web ──────────────────────────────────────────────────────────────────────────────────────────

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "workspaces.rest.authentication.ApiKeyAuthentication",
        "workspaces.rest.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["workspaces.rest.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["workspaces.rest.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "workspaces.rest.schema.ClockhookSchema",
    "EXCEPTION_HANDLER": "workspaces.rest.errors.render_exception",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Clockhook",
    "DESCRIPTION": (
        "Cron schedules and signed webhooks fire the actions of a workspace;"
        " every fire leaves its chain of events."
    ),
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/v1",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

_IS_HTTPS = CLOCKHOOK_PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _IS_HTTPS else 0
CSRF_TRUSTED_ORIGINS = [CLOCKHOOK_PUBLIC_URL]
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # Subdomains, and
    "security.W021",  # preload lists, are for the owner of the domain to decide.
    "security.W008",  # The proxy that ends TLS redirects; our own health checks speak plain HTTP.
]
LOGIN_URL = "/admin/login/"

# ── Logging: one structured line per record, on stderr ───────────────────────────────────────────

_shared_processors: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[
        *_shared_processors,
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
                if not environment.read_flag("CLOCKHOOK_LOG_JSON")
                else structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _shared_processors,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("CLOCKHOOK_LOG_LEVEL", "INFO")},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
