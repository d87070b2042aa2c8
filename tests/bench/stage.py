"""The stage: a Redis for the queue, one for the cache and a database, which every contestant uses, emptied between
rounds."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pymysql
import redis

from holdfast.shared.queue.names import KEYS_SINCE
from tests.bench.process import ROOT, pin
from tests.servers import Database, RedisServer, wait_until

_TABLES = ("users", "operations", "released_values")


class Stage:
    """The stores and a folder for logs. Redis fsyncs every write, the database every commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("redis", "cache", "database"):
            (folder / name).mkdir()
        self.redis_server = RedisServer(folder / "redis")
        self.cache_server = RedisServer(folder / "cache", "--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
        self.database = Database(folder / "database")
        self.redis = redis.Redis(port=self.redis_server.port, socket_timeout=60)

    @property
    def environment(self) -> dict[str, str]:
        """The environment with the stores' addresses, which every contestant reads."""
        return {
            "REDIS_ADDR": self.redis_server.address,
            "HOLDFAST_CACHE_REDIS_ADDR": self.cache_server.address,
            "DB_DSN": self.database.dsn,
            "HOLDFAST_PROFILE": "demo",
        }

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a connection to the database, for inspection."""
        return self.database.connect()

    def start(self) -> None:
        """Start the stores, and make the tables."""
        self.redis_server.start()
        self.cache_server.start()
        self.database.start()
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", "deploy/migrations/alembic.ini", "upgrade", "head"],
            cwd=ROOT, env=os.environ | self.environment, check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def empty(self) -> None:
        """Empty the stores and shorten the log of Redis, so that no round pays for the one before. The api takes the
        queue for one that has never lost a key: after a loss it looks each key up in the database."""
        self.redis.flushall()
        self.redis.set(KEYS_SINCE, 0)
        with self.cache_server.client() as cache:
            cache.flushall()
        self.redis.bgrewriteaof()
        wait_until(self._log_rewritten, what="rewriting Redis's log")
        with self.connect() as connection, connection.cursor() as cursor:
            for table in _TABLES:
                cursor.execute(f"TRUNCATE TABLE {table}")

    def count(self, table: str) -> int:
        """Return the number of rows in a table."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            (rows,) = cursor.fetchone() or (0,)
            return int(rows)

    @property
    def pids(self) -> list[int]:
        """The process ids of both Redis servers and of the database."""
        return [self.redis_server.pid, self.cache_server.pid, self.database.pid]

    def pin(self, cores: set[int]) -> None:
        """Keep the stores on `cores`."""
        for pid in self.pids:
            pin(pid, cores)

    def kill(self) -> None:
        """End the stores."""
        self.redis.close()
        self.redis_server.kill()
        self.cache_server.kill()
        self.database.kill()

    def _log_rewritten(self) -> bool:
        state = self.redis.info("persistence")
        return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a started stage, whose folder is removed at the end."""
    with TemporaryDirectory(prefix="holdfast-bench-") as folder:
        made = Stage(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.kill()
