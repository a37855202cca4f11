"""``python -m config.probe``: exit code 0 where a Beat or a worker can do its work.

For container engines, which ask often: plain connections and no Django.
"""

import os
import socket
import sys

import psycopg
import redis

_SECONDS = 3
# A Beat writes its row every 2 s.
_TICKED_OF_LATE = """
    SELECT 1 FROM triggers_schedulerheartbeat
    WHERE starts_with(name, %s) AND ticked_at > now() - interval '15 s'
"""


def main() -> int:
    """Postgres and Redis answer; with the role ``beat``, one on this host has ticked, too."""
    try:
        _ask_postgres(os.environ["DATABASE_URL"], role=os.environ.get("CLOCKHOOK_ROLE", ""))
        _ask_redis(os.environ["REDIS_URL"])
    except (psycopg.Error, redis.RedisError, OSError, LookupError) as error:
        # The text may name hosts and users: the kind of trouble is enough here.
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1
    return 0


def _ask_postgres(url: str, *, role: str) -> None:
    with psycopg.connect(url, connect_timeout=_SECONDS) as connection:
        if role != "beat":
            connection.execute("SELECT 1")
        elif connection.execute(_TICKED_OF_LATE, [f"{socket.gethostname()}:"]).fetchone() is None:
            raise LookupError("no tick")


def _ask_redis(url: str) -> None:
    client = redis.Redis.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
    with client:
        client.ping()


if __name__ == "__main__":
    sys.exit(main())
