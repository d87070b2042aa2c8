"""The highly available stage: the stack of `make up HA=1` that runs here, and holds nothing yet."""

import contextlib
import os
import signal
import time
from pathlib import Path

import httpx
import pymysql
import redis

from deploy.local import database, sentinel, stack
from deploy.local import redis as redis_servers
from deploy.local.nodes import Node, stores
from deploy.local.output import Problem
from deploy.local.processes import freeze
from deploy.local.program import Program
from deploy.local.programs import programs
from deploy.local.settings import LOOPBACK, StackSettings, saved
from deploy.local.supervisor_client import Supervisor
from deploy.privileges.redis import OPERATOR
from holdfast.shared.queue.names import WRITES
from tests.client import fetch
from tests.processes import ThirdParty
from tests.servers import Database, wait_until
from tests.verify.disk import RedisOnDisk
from tests.verify.links import Links
from tests.verify.stage import Stage

_STOP_S = 60.0
_NOT_HERE = (
    "The stack keeps its own settings: no writer dies between commit and acknowledgement, no link is cut, no letters"
    " are replayed. The queue fails over to another node.",
)


class _Supervised:
    """One program of the stack. What was killed stays away until `start`."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def running(self) -> bool:
        """A frozen one does."""
        return Supervisor().states()[self.name]["statename"] in ("RUNNING", "STARTING")

    def kill(self) -> None:
        """kill -9."""
        Supervisor().stop([self.name], _STOP_S, hard=True)

    def freeze(self) -> None:
        """SIGSTOP."""
        for pid in Supervisor().pids([self.name]):
            freeze(pid)

    def thaw(self) -> None:
        """SIGCONT."""
        for pid in Supervisor().pids([self.name]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class _Service(_Supervised):
    """One of ours."""

    def __init__(self, program: Program) -> None:
        super().__init__(program.name)
        self.url = f"http://{program.address}"

    def start(self, *, wait: bool = True) -> None:
        """With `wait`, until it answers."""
        Supervisor().start([self.name])
        if wait:
            self.wait_until_alive()

    def wait_until_alive(self) -> None:
        """Until it answers /livez."""
        wait_until(self._answers, what=self.name)

    def _answers(self) -> bool:
        try:
            return fetch("GET", f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class _Store(_Supervised):
    """A store of several nodes; a fault hits the one that takes writes now."""

    def __init__(self, nodes: list[Node]) -> None:
        super().__init__(nodes[0].name)
        self._nodes = nodes

    @property
    def running(self) -> bool:
        """Every node."""
        states = Supervisor().states()
        return all(states[node.name]["statename"] in ("RUNNING", "STARTING") for node in self._nodes)

    def kill(self) -> None:
        """The node that takes writes."""
        self.name = self._primary()
        super().kill()

    def freeze(self) -> None:
        """The node that takes writes."""
        self.name = self._primary()
        super().freeze()

    def thaw(self) -> None:
        """Every node."""
        for node in self._nodes:
            _Supervised(node.name).thaw()

    def start(self) -> None:
        """Whatever is down; until the store answers."""
        Supervisor().start([node.name for node in self._nodes])
        wait_until(self.answers, what=self.name)

    def answers(self) -> bool:
        """Whether it serves."""
        raise NotImplementedError

    def _primary(self) -> str:
        return self._nodes[0].name


class _Queue(_Store, RedisOnDisk):
    """Its nodes, as Sentinel knows them."""

    def __init__(self, settings: StackSettings) -> None:
        _Store.__init__(self, stores(settings, "queue"))
        self._settings = settings
        self.observed = False

    @property
    def address(self) -> str:
        """As the operator, by way of Sentinel."""
        return redis_servers.url(self._settings, OPERATOR, "queue")

    def client(self) -> redis.Redis:
        """Of the primary. Raises RedisError."""
        try:
            port = sentinel.primary_port(self._settings)
        except Problem as problem:
            raise redis.ConnectionError(str(problem)) from problem
        login = {"username": OPERATOR, "password": redis_servers.password(OPERATOR)}
        return redis.Redis(port=port, socket_timeout=60, **login)

    def answers(self) -> bool:
        """Whether the primary serves."""
        return RedisOnDisk.answers(self)

    def _primary(self) -> str:
        port = sentinel.primary_port(self._settings)
        return next((node.name for node in self._nodes if node.port == port), self._nodes[0].name)


class _Cache(_Supervised, RedisOnDisk):
    """One, as in any stack."""

    def __init__(self, settings: StackSettings) -> None:
        super().__init__("redis-cache")
        self.port = settings.cache_port

    def client(self) -> redis.Redis:
        """As the operator."""
        return redis.Redis(
            port=self.port, username=OPERATOR, password=redis_servers.password(OPERATOR), socket_timeout=60
        )

    def start(self) -> None:
        """Until it answers."""
        Supervisor().start([self.name])
        wait_until(self.answers, what=self.name)


class _Galera(_Store, Database):
    """Its nodes, as root of each; services ask the first that takes writes."""

    def __init__(self, settings: StackSettings) -> None:
        _Store.__init__(self, stores(settings, "database"))
        self._settings = settings

    @property
    def dsn(self) -> str:
        """As dlq_admin, who reads the ledger."""
        return database.dsn("dlq_admin", self._settings)

    def connect(
        self, user: str = "root", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """To the first node that is in the cluster, as root, whoever `user` is. Raises MySQLError."""
        failed: pymysql.err.MySQLError = pymysql.err.OperationalError("no node")
        for node in self._nodes:
            try:
                return _connected(node, database)
            except pymysql.err.MySQLError as error:
                failed = error
        raise failed

    def answers(self) -> bool:
        """Whether a node serves."""
        try:
            with self.connect():
                return True
        except pymysql.err.MySQLError:
            return False


def _connected(node: Node, schema: str | None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    connection = pymysql.connect(
        user="root", unix_socket=database.socket(node.name), database=schema, connect_timeout=10, read_timeout=60,
        autocommit=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
        if cursor.fetchone() != ("wsrep_ready", "ON"):
            connection.close()
            raise pymysql.err.OperationalError(1047, "not in the cluster")
    return connection


class _ThirdParty(_Service, ThirdParty):
    """The stack's own."""

    def __init__(self, program: Program) -> None:
        _Service.__init__(self, program)
        self._client = httpx.Client(base_url=self.url, timeout=60)


class _NoLinks(Links):
    """There is nothing between the parts that could be cut."""

    def __init__(self) -> None:
        self.ports = {}


class HighlyAvailable(Stage):
    """Raises Problem when it does not run, or holds anything."""

    disk = False
    letters = False
    fails_over = True
    database_users_at = LOOPBACK

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        settings = saved()
        if stack.running() is None or not settings.ha:
            raise Problem("no highly available stack runs here", "make up HA=1")
        self.limits = _NOT_HERE
        by_name = {program.name: program for program in programs(settings)}
        self.queue, self.cache, self.database = _Queue(settings), _Cache(settings), _Galera(settings)
        self.third_party, self.links = _ThirdParty(by_name["third_party"]), _NoLinks()
        ours = [program for program in by_name.values() if program.kind == "service"]
        self.services = self._programs = {program.name.replace("_", "-"): _Service(program) for program in ours}

    def start(self) -> None:
        """It runs; what it holds is judged with what the run does, so it must hold nothing."""
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT (SELECT COUNT(*) FROM users) + (SELECT COUNT(*) FROM dead_letters)")
            if cursor.fetchall() != ((0,),):
                raise Problem("this stack holds data already", "make down, remove .local/ha, and make up HA=1")
        self.third_party.forget()

    def kill_services(self) -> None:
        """First those that write: the heartbeats that they sent are worked off."""
        Supervisor().stop([self._programs[name].name for name in self.apis], _STOP_S)
        wait_until(self._is_worked_off, what="the last heartbeats are worked off")
        Supervisor().stop([program.name for program in self._programs.values()], _STOP_S)

    def __exit__(self, *_: object) -> None:
        """Everything runs again."""
        for server in self.servers.values():
            server.thaw()
            server.start()
        for service in self.services.values():
            service.thaw()
            service.start(wait=False)

    def _is_worked_off(self) -> bool:
        time.sleep(0.2)
        with self.queue.client() as client:
            return client.xlen(WRITES) == 0
