"""The highly available stage: what `make up HA=1` starts, broken with the stack's own levers (deploy/stacks). Its queue
and its database have three nodes each."""

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pymysql
import redis

from deploy.local import database, nodes, sentinel
from deploy.local import redis as redis_servers
from deploy.local import stack as local_stack
from deploy.local.output import Problem
from deploy.local.settings import LOOPBACK, StackSettings
from deploy.local.supervisor_client import Supervisor
from deploy.privileges.redis import OPERATOR
from deploy.stacks.faults import CutOff, Fault, Fill
from deploy.stacks.running import running
from deploy.stacks.stack import Stack
from tests.processes import ThirdParty
from tests.servers import Database, wait_until
from tests.verify.disk import RedisOnDisk
from tests.verify.levers import Hops, Lever, OneStore, Service, Store, programs_of
from tests.verify.links import NoLinks
from tests.verify.stage import PROXY, Mend, Stage

_WRITERS = 3
#: Longer than any run, so that no fault ends by its own timer.
_LASTS_S = 3600.0
_CONNECT_S, _READ_S = 10, 60
#: The stack keeps its settings, except those that make a run longer.
_SETTINGS = {
    "HOLDFAST_DLQ_LEASE_S": "2",
    "HOLDFAST_DLQ_APPROVE_OVER": "1000000",
    "HOLDFAST_WRITER_DEAD_SHARE_MAX": "1",
    "HOLDFAST_PROXY_CONFIG": json.dumps(PROXY),
    "HOLDFAST_PROXY_CONFIG_POLL_S": "0.2",
}
_NOT_HERE = (
    "A power loss is a kill of the queue's primary, no disk is full, and no writer dies between commit and"
    " acknowledgement on purpose: the run on processes shows these."
)


class _Queue(Store, RedisOnDisk):
    """The queue's primary, as Sentinel knows it."""

    def __init__(self, stack: Stack, settings: StackSettings) -> None:
        Store.__init__(self, stack, "queue", nodes.stores(settings, "queue"))
        self._settings = settings
        self.observed = False

    @property
    def address(self) -> str:
        """The address for the operator, through Sentinel."""
        return redis_servers.url(self._settings, OPERATOR, "queue")

    def client(self) -> redis.Redis:
        """Return a client of the primary. Raises RedisError."""
        try:
            return _client(sentinel.primary_port(self._settings))
        except Problem as problem:
            raise redis.ConnectionError(str(problem)) from problem

    def start(self) -> None:
        """Wait until the primary answers."""
        Store.start(self)
        wait_until(self.answers, what="the queue")


class _Cache(OneStore, RedisOnDisk):
    """The cache, a single server as in any stack."""

    def __init__(self, stack: Stack, settings: StackSettings) -> None:
        OneStore.__init__(self, stack, "cache", "redis-cache")
        self.port = settings.cache_port

    def client(self) -> redis.Redis:
        """Return a client for the operator."""
        return _client(self.port)


class _Galera(Store, Database):
    """The nodes of the database, used as root of each. Services use the first that takes writes."""

    def __init__(self, stack: Stack, settings: StackSettings) -> None:
        Store.__init__(self, stack, "database", nodes.stores(settings, "database"))
        self._settings = settings

    @property
    def dsn(self) -> str:
        """The DSN for dlq_admin, which reads the ledger."""
        return database.dsn("dlq_admin", self._settings)

    def connect(
        self, user: str = "root", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Connect to the first node that is in the cluster, as root, whatever `user` is given. Raises MySQLError."""
        failed: pymysql.err.MySQLError = pymysql.err.OperationalError("no node")
        for node in self._nodes:
            try:
                return _connected(node, database)
            except pymysql.err.MySQLError as error:
                failed = error
        raise failed

    def start(self) -> None:
        """Wait until a node serves."""
        Store.start(self)
        wait_until(self.answers, what="the database")

    def _listens(self) -> bool:
        return True  # not over a socket of this test's process


class _ThirdParty(ThirdParty):
    """The stack's own third party."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=f"http://{address}", timeout=60)


class HighlyAvailable(Stage):
    """The stack, which starts in this clone. Raises Problem if one runs already."""

    disk = False
    dies_halfway = False
    fails_over = True
    database_users_at = LOOPBACK

    def __init__(self, folder: Path, partitions: int) -> None:
        super().__init__(folder, partitions)
        wanted = {"HA": "1", "WRITERS": str(_WRITERS), "QUEUE_PARTITIONS": str(partitions)}
        self._settings = StackSettings().changed(os.environ | wanted)
        if local_stack.running() or nodes.data_folder(self._settings).exists():
            raise Problem("this clone has a highly available stack already, with data of its own")
        self._ends = ExitStack()
        self.limits = (_NOT_HERE,)

    def start(self) -> None:
        """Start everything as `make up HA=1` does, with a proxy in front of each node of a store if the kernel allows
        it."""
        os.environ.update(_SETTINGS)
        self._ends.callback(local_stack.stop)
        local_stack.start(self._settings, with_parent=True)
        stack = self._stack = self._ends.enter_context(running("local", _LASTS_S))
        self.admin_key = stack.operator_key
        self.queue, self.cache = _Queue(stack, self._settings), _Cache(stack, self._settings)
        self.database = _Galera(stack, self._settings)
        self.third_party = _ThirdParty(stack.address("third_party"))
        self.services = {_named(each.name): Service(stack, each) for each in programs_of(self._settings)}
        self.levers = {"fill": lambda: self._pull(Fill("queue"))}
        try:
            self.links = Hops(stack)
            self.levers["cut off"] = lambda: self._pull(CutOff())
        except Problem as problem:
            self.links = NoLinks()
            self.limits = (_NOT_HERE, f"No way between two parts is cut: {problem.args[0]}")

    def __exit__(self, *_: object) -> None:
        """Mend everything, and stop the stack."""
        self._ends.close()

    def turn(self, target: str) -> str:
        """Apply faults to a proxy, which stands for a whole store."""
        return target.rpartition(" → ")[2]

    def heal(self) -> None:
        """Start what a fault left down, and end all faults."""
        super().heal()
        wait_until(lambda: all(server.answers() for server in self.servers.values()), what="every store answers")

    def _ended(self) -> list[str]:
        """Return the programs that have ended, with one command for all."""
        states = Supervisor().states()
        down = {_named(name) for name, state in states.items() if state["statename"] in ("STOPPED", "EXITED", "FATAL")}
        return [name for name in self.services if name in down]

    def _pull(self, fault: Fault) -> Mend:
        lever = Lever(self._stack)
        lever.put(fault)
        return lever.mend


def _named(program: str) -> str:
    """Return the name that the checker uses."""
    return program.replace("_", "-")


def _client(port: int) -> redis.Redis:
    login: Mapping[str, Any] = {"username": OPERATOR, "password": redis_servers.password(OPERATOR)}
    return redis.Redis(port=port, socket_timeout=_READ_S, **login)


def _connected(node: nodes.Node, schema: str | None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    connection = pymysql.connect(
        user="root", unix_socket=database.socket(node.name), database=schema, connect_timeout=_CONNECT_S,
        read_timeout=_READ_S, autocommit=True,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
        if cursor.fetchone() != ("wsrep_ready", "ON"):
            connection.close()
            raise pymysql.err.OperationalError(1047, "not in the cluster")
    return connection
