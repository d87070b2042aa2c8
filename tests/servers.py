"""Servers of our own: a Redis and a MariaDB on free ports of 127.0.0.1, with their data in a temporary folder.

Each server can be killed, frozen and started again on the same port with the same data, as in an outage.
"""

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pymysql
import redis
from redis.maint_notifications import MaintNotificationsConfig

from deploy.local.processes import freeze
from deploy.privileges import database as privileges
from deploy.privileges import redis as redis_privileges
from holdfast.shared.connections.redis import RedisTimeouts
from holdfast.shared.store.engine import Timeouts
from tests import alive
from tests.client import fetch
from tests.ports import free_port as free_port

#: Seconds; much longer than anything takes, because a machine may be busy. tests/mutants, where a test often waits in
#: vain, sets a shorter deadline.
START_DEADLINE_S = float(os.environ.get("TEST_DEADLINE_S", "240"))

#: Timeouts of a test's own connections: what takes this long will never come.
PATIENT_REDIS = RedisTimeouts(20, 60)
PATIENT_DATABASE = Timeouts(checkout_s=30, connect_s=30, io_s=60, lock_wait_s=20)

#: Seconds between two looks at `innodb_trx`: MariaDB shows a copy, and makes a new one only after 0.1 s without a
#: query.
TRX_LOOK_S = 0.15

#: The time between two polls: a share of the wait so far, and at most so many seconds.
_LOOK_SHARE, _LOOK_MAX_S = 0.1, 0.1

#: The password of every user of a store, ours and the services'.
PASSWORD = "test-only"  # noqa: S105 - of temporary servers


def wait_until(
    condition: Callable[[], object], deadline_s: float = START_DEADLINE_S, what: str = "condition", look_s: float = 0.02
) -> None:
    """Poll until `condition()` is truthy. Raises AssertionError after `deadline_s`. A poll takes processor time from
    what is awaited, so polls become rarer as the wait grows."""
    begin = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - begin
        if waited_s > deadline_s:
            raise AssertionError(f"{what}: not within {deadline_s} s")
        time.sleep(max(look_s, min(_LOOK_MAX_S, _LOOK_SHARE * waited_s)))


def with_us() -> list[str]:
    """Return the command prefix that has a server end with the tests, however they end. The kernel watches the thread
    that started the server, so other threads than the main one, which may end sooner, get no prefix."""
    here = threading.current_thread() is threading.main_thread() and shutil.which("setpriv")
    return ["setpriv", "--pdeathsig", "KILL", "--"] if here else []


def as_user(name: str) -> list[str]:
    """Return the command prefix that changes to this user, if the tests run as root. A process that changes its user on
    its own would not end with the tests."""
    change = ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", "--pdeathsig", "KILL", "--"]
    return change if os.geteuid() == 0 and name != "root" else []


#: A write beyond the file size limit then fails with an error, as on a full disk, instead of a signal.
_ON_A_DISK = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]


class Server(ABC):
    """One server process."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        alive.known(self)

    def start(self) -> None:
        """Start the process, and wait until the server answers."""
        self.launch()
        wait_until(self._answers_or_died, what=self._command[0])

    def launch(self) -> None:
        """Start the process without waiting."""
        with (self.folder / "server.log").open("ab") as log:
            command = [*with_us(), *_ON_A_DISK, *self._command]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process has ended."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def freeze(self) -> None:
        """Send SIGSTOP and wait until it takes effect: connections stay open, but the server does not answer."""
        if self.running:
            freeze(self.pid)

    def thaw(self) -> None:
        """Send SIGCONT."""
        self._signal(signal.SIGCONT)

    def fill_disk(self, free_bytes: int) -> None:
        """Until the next start, let no file of the server grow beyond its longest one by more than `free_bytes`."""
        longest = max(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (longest + free_bytes, resource.RLIM_INFINITY))

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def answers(self) -> bool:
        """Return whether the server answers in its own protocol."""

    def _answers_or_died(self) -> bool:
        if not self.running:
            raise AssertionError(f"{self._command[0]} ended: {(self.folder / 'server.log').read_text()[-2000:]}")
        return self.answers()

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self.running:
            os.kill(self._process.pid, number)


class RedisServer(Server):
    """The queue's Redis, and the cache's. Every write is on disk before it is answered. Services log in as their own
    users; a test, without a password, has all rights."""

    def __init__(self, folder: Path, *extra: str) -> None:
        self.port = free_port()
        services = redis_privileges.acl(dict.fromkeys(redis_privileges.NAMES, PASSWORD), "queue", "cache").splitlines()
        users = folder / "users.acl"
        users.write_text("\n".join(["user default on nopass ~* &* +@all", *services[1:], ""]))
        command = [
            "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
            "--aclfile", str(users), *extra,
        ]  # fmt: skip
        super().__init__(folder, command)

    @property
    def address(self) -> str:
        """The value for REDIS_ADDR, without a user."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        """Return a plain client for inspection and for faults. It sends no driver info and requests no notifications:
        that would take twice as long as a query."""
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=60,
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )

    def refused(self) -> list[str]:
        """Return what Redis has refused to the services' users, as `user: command or key`."""
        with self.client() as client:
            log: Any = client.acl_log()
        mine = [each for each in log if each["username"] in redis_privileges.NAMES and each["reason"] != "auth"]
        return [f"{each['username']}: {each['object']}" for each in mine]

    def answers(self) -> bool:
        """Return whether Redis answers."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Database(Server):
    """MariaDB, with an empty database `holdfast`, or with a copy of the data of `copy_of`, which must be stopped.
    `user`: the user of the operating system, if the tests run as root."""

    def __init__(self, folder: Path, *extra: str, copy_of: "Database | None" = None, user: str = "root") -> None:
        self.port = free_port()
        self.socket = f"/tmp/holdfast-test-{os.getpid()}-{self.port}.sock"  # noqa: S108 - socket paths must be short
        self.data = folder / "data"
        as_root = [f"--user={user}"] if os.geteuid() == 0 else []
        make = ["cp", "-a", str(copy_of.data), str(self.data)] if copy_of else [
            "mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
            f"--datadir={self.data}", f"--tmpdir={folder}", *as_root,
        ]  # fmt: skip
        made = subprocess.run(make, check=False, capture_output=True, text=True, timeout=START_DEADLINE_S)
        assert made.returncode == 0, made.stderr[-2000:] + made.stdout[-2000:]
        command = [
            *as_user(user), shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}",
            f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--tmpdir={self.data}",  # every server that starts empties a shared one
            "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M",
            *(as_root if user == "root" else ()), *extra,
        ]  # fmt: skip
        super().__init__(folder, command)

    def start(self) -> None:
        """Start the server, and make the database and its users if they are missing."""
        super().start()
        self._make_users()

    def _make_users(self) -> None:
        with self.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS holdfast")
            cursor.execute(f"CREATE USER IF NOT EXISTS 'holdfast'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            cursor.execute("GRANT ALL ON holdfast.* TO 'holdfast'@'127.0.0.1'")
            for statement in privileges.users(dict.fromkeys(privileges.with_users(), PASSWORD), "127.0.0.%"):
                cursor.execute(statement)

    def stop(self) -> None:
        """Shut the server down in an orderly way, with SIGTERM."""
        self._signal(signal.SIGTERM)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def kill(self) -> None:
        """Send SIGKILL, and remove the socket, which is outside the folder."""
        super().kill()
        Path(self.socket).unlink(missing_ok=True)

    @property
    def dsn(self) -> str:
        """A DB_DSN whose user has all rights."""
        return f"mysql://holdfast:{PASSWORD}@127.0.0.1:{self.port}/holdfast"

    def connect(
        self, user: str = "holdfast", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a plain connection for inspection and for faults. As root it uses the Unix socket."""
        root = user == "root"
        return pymysql.connect(
            user=user, password="" if root else PASSWORD, database=database, port=self.port, host="127.0.0.1",
            unix_socket=self.socket if root else None, connect_timeout=30, read_timeout=60, autocommit=True,
            ssl_disabled=True,  # else it loads the machine's certificates, which takes longer than a test's statements
        )  # fmt: skip

    def is_used(self) -> bool:
        """Return whether a service has a connection to the server."""
        with self.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'holdfast%'")
            return bool(cursor.fetchall()[0][0])

    def answers(self) -> bool:
        """Return whether the database answers."""
        if not self._listens():
            return False  # PyMySQL leaks the socket of a refused connection
        try:
            with self.connect(user="root", database=None):
                return True
        except pymysql.err.MySQLError:
            return False

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0


class PrometheusServer(Server):
    """Scrapes `targets` (host:port) every second as the job `target`."""

    def __init__(self, folder: Path, *targets: str) -> None:
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(
            "global: { scrape_interval: 1s, scrape_timeout: 1s }\n"
            f"scrape_configs: [{{ job_name: target, static_configs: [{{ targets: {list(targets)} }}] }}]\n"
        )
        command = [
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip
        super().__init__(folder, command)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def value(self, query: str) -> float | None:
        """Return the value of the query's first series now, or None if there is none."""
        result = fetch("GET", f"{self.url}/api/v1/query", params={"query": query}).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def answers(self) -> bool:
        """Return whether Prometheus is ready."""
        try:
            return fetch("GET", f"{self.url}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
