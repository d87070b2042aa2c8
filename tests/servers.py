"""Servers of our own: a Redis and a MariaDB on free ports of 127.0.0.1, in a folder that goes away with them.

Each can be killed, frozen and started again on the same port with the same data, as an outage does it.
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

#: Much longer than anything takes: a machine may be busy, and what never comes is seen all the same. Where it is known
#: that something never comes (tests/mutants), that is found sooner.
START_DEADLINE_S = float(os.environ.get("TEST_DEADLINE_S", "240"))

#: Of a test's own connections: what takes this long never comes.
PATIENT_REDIS = RedisTimeouts(20, 60)
PATIENT_DATABASE = Timeouts(checkout_s=30, connect_s=30, io_s=60, lock_wait_s=20)

#: Between two looks at `innodb_trx`: MariaDB shows a copy, and makes a new one only when nobody has asked for 0.1 s.
TRX_LOOK_S = 0.15

#: Between two looks at what is awaited: a share of the wait so far, and at most so long.
_LOOK_SHARE, _LOOK_MAX_S = 0.1, 0.1

#: Of every user of a store, ours and the services'.
PASSWORD = "test-only"  # noqa: S105 - of servers that go away


def wait_until(
    condition: Callable[[], object], deadline_s: float = START_DEADLINE_S, what: str = "condition", look_s: float = 0.02
) -> None:
    """Poll until `condition()` is truthy; raises AssertionError after `deadline_s`. A look costs the processor that
    what is awaited needs, so the longer it takes, the rarer we look."""
    begin = time.monotonic()
    while not condition():
        waited_s = time.monotonic() - begin
        if waited_s > deadline_s:
            raise AssertionError(f"{what}: not within {deadline_s} s")
        time.sleep(max(look_s, min(_LOOK_MAX_S, _LOOK_SHARE * waited_s)))


def with_us() -> list[str]:
    """What has a server end with the tests, however they end. The kernel minds the thread that started it, and any
    other thread than the main one may be over sooner."""
    here = threading.current_thread() is threading.main_thread() and shutil.which("setpriv")
    return ["setpriv", "--pdeathsig", "KILL", "--"] if here else []


def as_user(name: str) -> list[str]:
    """As this user, if the tests are root's. A process that changes its user by itself does not end with us."""
    change = ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", "--pdeathsig", "KILL", "--"]
    return change if os.geteuid() == 0 and name != "root" else []


#: A file of a server's that may not grow is an error then, as on a full disk, and no signal.
_ON_A_DISK = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]


class Server(ABC):
    """One server process."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self.folder = folder
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        alive.known(self)

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.launch()
        wait_until(self._answers_or_died, what=self._command[0])

    def launch(self) -> None:
        """Start it, without a wait."""
        with (self.folder / "server.log").open("ab") as log:
            command = [*with_us(), *_ON_A_DISK, *self._command]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        """kill -9, and wait for it to be gone."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered any more when this returns."""
        if self.running:
            freeze(self.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def fill_disk(self, free_bytes: int) -> None:
        """From now on, until it starts anew, none of its files can grow beyond the longest by more than this."""
        longest = max(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (longest + free_bytes, resource.RLIM_INFINITY))

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves, asked in its own protocol."""

    def _answers_or_died(self) -> bool:
        if not self.running:
            raise AssertionError(f"{self._command[0]} ended: {(self.folder / 'server.log').read_text()[-2000:]}")
        return self.answers()

    def _signal(self, number: signal.Signals) -> None:
        if self._process and self.running:
            os.kill(self._process.pid, number)


class RedisServer(Server):
    """The queue's Redis, and the cache's: every write is on disk before it is answered. Services have their own users;
    without a password one may do everything, as a test must."""

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
        """For REDIS_ADDR, without a user."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        """A plain client, for looking and for doing harm. It says nothing of itself and asks for no notices first: that
        takes twice as long as a look."""
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            socket_timeout=60,
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )

    def refused(self) -> list[str]:
        """What it has refused to the services' users, as `user: command or key`."""
        with self.client() as client:
            log: Any = client.acl_log()
        mine = [each for each in log if each["username"] in redis_privileges.NAMES and each["reason"] != "auth"]
        return [f"{each['username']}: {each['object']}" for each in mine]

    def answers(self) -> bool:
        """Whether it serves."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Database(Server):
    """MariaDB, with an empty database `holdfast`, or with what another one has, which is stopped. `user`: of the
    operating system, if the tests are root's."""

    def __init__(self, folder: Path, *extra: str, copy_of: "Database | None" = None, user: str = "root") -> None:
        self.port = free_port()
        self.socket = f"/tmp/holdfast-test-{os.getpid()}-{self.port}.sock"  # noqa: S108 - paths of sockets must be short
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
            f"--tmpdir={self.data}",  # a shared one is swept by every server that starts
            "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M",
            *(as_root if user == "root" else ()), *extra,
        ]  # fmt: skip
        super().__init__(folder, command)

    def start(self) -> None:
        """Start; make the database and its user if they are missing."""
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
        """As a person stops it."""
        self._signal(signal.SIGTERM)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def kill(self) -> None:
        """kill -9; the socket stands outside the folder and would stay."""
        super().kill()
        Path(self.socket).unlink(missing_ok=True)

    @property
    def dsn(self) -> str:
        """For DB_DSN, as a user who may do everything."""
        return f"mysql://holdfast:{PASSWORD}@127.0.0.1:{self.port}/holdfast"

    def connect(
        self, user: str = "holdfast", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A plain connection, for looking and for doing harm. As root it goes through the socket."""
        root = user == "root"
        return pymysql.connect(
            user=user, password="" if root else PASSWORD, database=database, port=self.port, host="127.0.0.1",
            unix_socket=self.socket if root else None, connect_timeout=30, read_timeout=60, autocommit=True,
            ssl_disabled=True,  # else it reads the machine's certificates, which takes longer than a test's statements
        )  # fmt: skip

    def is_used(self) -> bool:
        """Whether a service has a connection to it."""
        with self.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'holdfast%'")
            return bool(cursor.fetchall()[0][0])

    def answers(self) -> bool:
        """Whether it serves."""
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
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    def value(self, query: str) -> float | None:
        """Of the first series that the query gives now."""
        result = fetch("GET", f"{self.url}/api/v1/query", params={"query": query}).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def answers(self) -> bool:
        """Whether it serves."""
        try:
            return fetch("GET", f"{self.url}/-/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
