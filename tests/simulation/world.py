"""World: the machines of a run: both Redis, the database, and the services of a plan with their settings."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from deploy.third_party.connection import Wire
from deploy.third_party.party import ThirdParty
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings
from tests import keys
from tests.models.database.server import DatabaseModel
from tests.models.database.transaction import Transaction
from tests.models.redis.cluster import Cluster
from tests.models.redis.reply import Failure
from tests.models.redis.server import RedisModel
from tests.simulation import nodes
from tests.simulation.claimed import Claims
from tests.simulation.driver import Seen
from tests.simulation.failover import REPLICATED_AFTER_S
from tests.simulation.kinds import PROXIES, THIRD_PARTY
from tests.simulation.nodes import Node
from tests.simulation.plan import Plan
from tests.simulation.simulation import Simulation

S = TypeVar("S", ApiSettings, WriterSettings, ProxySettings, DlqAdminSettings)

API_PORT, WRITER_PORT, ADMIN_PORT, PROXY_PORT, REDIS_PORT, THIRD_PARTY_PORT = 8080, 8090, 8082, 8081, 6379, 8099
_PORTS = {"api": API_PORT, "writer": WRITER_PORT, "admin": ADMIN_PORT, "proxy": PROXY_PORT}
_STORES = {
    "redis_addr": f"queue:{REDIS_PORT}", "cache_redis_addr": f"cache:{REDIS_PORT}", "listen_host": "0.0.0.0",  # noqa: S104
}  # fmt: skip
_DATABASE = {"db_dsn": "mysql://holdfast:holdfast@database:3306/holdfast"}
#: Settings as in production, except those that would only make a run longer.
_API = {"profile": "demo", "api_idempotency_secret": "a secret of the tests", "api_heartbeat_s": 5}
_WRITER = {
    "writer_claim_idle_s": 3, "db_timeout_s": 1.4, "db_lock_wait_s": 1, "writer_unknown_patience_s": 3,
    "writer_backoff_base_s": 0.2, "writer_backoff_cap_s": 2, "writer_halt_pause_max_s": 5,
    "writer_dead_share_over": 40, "drain_s": 3,
}  # fmt: skip
#: A few clients are enough to exceed this number of calls in flight.
_PROXY: dict[str, Any] = {"proxy_config": {"in_flight_max": 4}}
_ADMIN = {"dlq_claim_idle_s": 3, "dlq_lease_s": 5, "dlq_approve_over": 12, "drain_s": 3}
#: Validated settings, by kind and values.
_checked: dict[tuple[type, str], Any] = {}


class World:
    """All machines, not started yet. `folder`: for the file of API keys."""

    def __init__(self, simulation: Simulation, plan: Plan, folder: Path) -> None:
        self._simulation = simulation
        self.plan = plan
        self.database = DatabaseModel(self.clock("database"), simulation.chance("database"))
        self.database.galera = any(fault.kind in ("no_quorum", "behind") for fault in plan.faults)
        self.redis = {name: RedisModel(self.clock(name)) for name in (*plan.queues, "cache")}
        queues = {(name, REDIS_PORT): self.redis[name] for name in plan.queues}
        #: The servers of the queue's cluster; None if the queue is a single server.
        self.cluster = Cluster(queues) if plan.shards > 1 else None
        for queue in queues.values():
            queue.executor.clustered = True
        if plan.replicas:
            self.redis["queue"].replication.delay_s = REPLICATED_AFTER_S
        #: When each operation was committed. The times in the rows are by the clock of the process that ended them.
        self.ended: dict[str, float] = {}
        self.seen = self._watched()
        self.claims = Claims()
        self._keys = keys.written_to(folder)
        #: The third party. It remembers what was asked of it, even while it is down.
        self.third_party = ThirdParty()
        self.nodes = {name: Node(simulation, name, self._main(name)) for name in (*plan.nodes, *plan.outside)}

    def _watched(self) -> Seen:
        """Make a server report commits where they take effect."""
        seen, transactions = Seen(), self.database.transactions
        commit, operations = transactions.commit, self.database.rows.stored["operations"]

        def noticed(transaction: Transaction) -> None:
            commit(transaction)
            new = [row for table, old, row in transaction.changes if table == "operations" and old is None and row]
            self.ended.update({operations.primary(row)[0]: self._simulation.loop.now_s for row in new})
            if transaction.changes:
                seen.committed()

        transactions.commit = noticed  # type: ignore[method-assign]
        return seen

    def clock(self, machine: str) -> Callable[[], float]:
        """Return the wall clock of a machine."""
        clock = self._simulation.clock(machine)
        return lambda: clock.wall(self._simulation.loop.now_s)

    def start(self) -> None:
        """Start everything."""
        for name, model in self.redis.items():
            process = self._simulation.process(name)
            self._simulation.loop.spawn(process, lambda model=model: _listening(model.protocol, REDIS_PORT))
        for node in self.nodes.values():
            node.start()

    @property
    def ports(self) -> dict[str, int]:
        """The HTTP port of each process."""
        return {name: _PORTS[name.split("-")[0]] for name in self.nodes if name != THIRD_PARTY}

    def command(self, *parts: bytes) -> Any:
        """Execute a command in the queue directly. Return None if it fails."""
        queue = self.redis["queue"]
        try:
            reply = self.cluster.run(parts) if self.cluster else queue.run(parts)
        except Failure:
            return None
        if not self.cluster:
            queue.serve()
        return reply

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows of the database, read directly."""
        return self.database.query(query)

    def mend(self) -> None:
        """Start what is down, and thaw what is frozen."""
        for node in self.nodes.values():
            node.thaw()
            if not node.running:
                node.start()

    def named(self, service: str) -> list[str]:
        """Return the nodes of a service."""
        return [name for name in self.nodes if name.startswith(service)]

    def _main(self, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        if name == THIRD_PARTY:
            return lambda: _listening(lambda: Wire(self.third_party.handle), THIRD_PARTY_PORT)
        own = {"instance": name, "keys_file": self._keys}
        same: dict[str, Any] = dict(_STORES)
        if self.cluster:
            same["redis_addr"] = f"redis+cluster://{','.join(f'{each}:{REDIS_PORT}' for each in self.plan.queues)}"
        if self.plan.replicas:
            same["queue_replicas"] = self.plan.replicas
        if self.plan.partitions > 1:
            same["queue_partitions"] = self.plan.partitions
        if name.startswith(PROXIES):
            url = f"http://{THIRD_PARTY}:{THIRD_PARTY_PORT}"
            same |= {**_PROXY, "proxy_third_party_url": url, "proxy_port": PROXY_PORT}
            return nodes.external_proxy(_settings(ProxySettings, own, same))
        same |= _DATABASE
        match name.split("-")[0]:
            case "api":
                if proxy := self.plan.proxy_of(name):
                    same["api_external_proxy_url"] = f"http://{proxy}:{PROXY_PORT}"
                return nodes.api(_settings(ApiSettings, own, {**same, **_API, "api_port": API_PORT}))
            case "writer":
                same |= {**_WRITER, "writer_patience_s": self.plan.patience_s, "writer_port": WRITER_PORT}
                return nodes.writer(_settings(WriterSettings, own, same))
            case _:
                same |= {**_ADMIN, "dlq_audit_every_s": self.plan.audit_every_s, "dlq_port": ADMIN_PORT}
                return nodes.dlq_admin(_settings(DlqAdminSettings, own, same))


def _settings(kind: type[S], own: dict[str, Any], shared: dict[str, Any]) -> S:
    """Return the settings that a process reads. `own`: those that differ between processes and concern no other
    process."""
    key = kind, repr(sorted(shared.items()))
    if key not in _checked:
        _checked[key] = kind(**own, **shared)
    found: S = _checked[key]
    return found.model_copy(update=own)


async def _listening(protocol: Callable[[], Any], port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(protocol, "0.0.0.0", port)  # noqa: S104
    await loop.create_future()
