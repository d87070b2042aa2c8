"""The stage: every process of the system, with a proxy on each link between them that can break it."""

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx

from holdfast.shared.queue.partitions import Partitions
from tests import keys
from tests.processes import QUICK, ThirdParty
from tests.servers import Database, RedisServer, wait_until
from tests.verify import half_done
from tests.verify.disk import RedisOnDisk
from tests.verify.links import Links

APIS, WRITERS, ADMINS = 2, 3, 2
#: The program that a writer runs. It may die between commit and acknowledgement: the first writer to commit does, and
#: then this share of batches.
WRITER_MODULE, HALF_DONE_SHARE = half_done.__name__, 0.02
#: Retries that external_proxy may make, as a share of the requests.
RETRY_SHARE = 0.1
#: Further retries that each process of it may make.
RETRY_BURST = 20
PROXY: dict[str, Any] = {
    "retry_share": RETRY_SHARE,
    "attempt_s": 1.0,
    "breaker": {"window_s": 5, "calls_min": 10, "open_s": 1.0, "open_max_s": 2.0, "ramp_s": 1},
}
ADMIN = {"HOLDFAST_DLQ_LEASE_S": "2", "HOLDFAST_DLQ_APPROVE_OVER": "1000000", "HOLDFAST_DB_LOCK_WAIT_S": "2"}
#: Poison is planted by the thousand, which would otherwise make writers halt.
WRITER = QUICK | {"HOLDFAST_WRITER_DEAD_SHARE_MAX": "1"}
STORES = ("queue", "cache", "database")
_NO_LINK = ("dlq-admin", "cache")
#: Each kind of process with each store that it uses, as `api → queue`.
LINKS = [
    f"{kind} → {store}"
    for kind in ("api", "writer", "dlq-admin")
    for store in STORES
    if (kind, store) != _NO_LINK
]  # fmt: skip


Mend = Callable[[], None]


class Program(Protocol):
    """One process of our services."""

    @property
    def url(self) -> str:
        """The base URL."""
        ...

    @property
    def running(self) -> bool:
        """Whether it exists."""
        ...

    def start(self, *, wait: bool = True) -> object:
        """Start it. With `wait`, return when it answers."""

    def kill(self) -> None:
        """Kill it with kill -9."""

    def freeze(self) -> None:
        """Freeze it before returning."""

    def thaw(self) -> None:
        """Continue it."""

    def wait_until_alive(self) -> None:
        """Wait until it answers."""


class Stage(ABC):
    """The system of a run, used in a `with` block. `start` returns when the apis answer."""

    queue: RedisOnDisk
    cache: RedisServer
    database: Database
    third_party: ThirdParty
    links: Links

    #: Whether writers die between commit and acknowledgement.
    dies_halfway = True
    #: Whether another node takes the queue over.
    fails_over = False
    #: Whether the queue's disk can be full.
    disk = True
    #: The key of a user of dlq_admin with every scope.
    admin_key = keys.ADMIN
    #: The host of the services' database users, as the database writes it.
    database_users_at = "127.0.0.%"

    def __init__(self, folder: Path, partitions: int) -> None:
        self.folder = folder
        #: Partitions of the queue.
        self.partitions = Partitions(partitions)
        self.services: Mapping[str, Program] = {}
        #: Services that a fault keeps down, and that are therefore not restarted.
        self.held: set[str] = set()
        #: What cannot be done here, for the report.
        self.limits: Sequence[str] = ()
        #: Faults with an implementation of this stage's own: each function breaks something, and returns what mends it.
        #: Raises Problem.
        self.levers: Mapping[str, Callable[[], Mend]] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> "Stage":
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Stop everything."""

    @abstractmethod
    def start(self) -> None:
        """Start everything in order."""

    @property
    def half_done_log(self) -> Path:
        """The file described in `half_done.py`."""
        return self.folder / "half-done"

    @property
    def servers(self) -> dict[str, RedisServer | Database]:
        """The stores by name."""
        return {"queue": self.queue, "cache": self.cache, "database": self.database}

    @property
    def apis(self) -> list[str]:
        """The names of the apis."""
        return [name for name in self.services if name.startswith("api")]

    def turn(self, target: str) -> str:
        """Return the target that may have only one fault at a time."""
        return target

    def heal(self) -> None:
        """Mend every link and every store, and start what is down. From here on no writer kills itself."""
        self.half_done_log.with_name(half_done.CALM).touch()
        for link in self.links.ports:
            self.links.heal(link)
        for server in self.servers.values():
            server.thaw()
            if not server.running:
                server.start()
        self.third_party.behave()
        for service in self.services.values():
            service.thaw()
        self.held.clear()
        self.supervise()

    def supervise(self) -> list[str]:
        """Start services that have ended, as a supervisor would, and return their names."""
        with self._starting:
            ended = [name for name in self._ended() if name not in self.held]
            for name in ended:
                self.services[name].start(wait=False)
        return ended

    def end_services(self) -> None:
        """Kill every service with kill -9, after which nothing changes. The apis end first, so that writers work off
        the last heartbeats, unless one is stuck."""
        for name in self.apis:
            self.services[name].kill()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.length("writes"), what="no entry is left")
        for name in self.services.keys() - set(self.apis):
            self.services[name].kill()

    def length(self, stream: Literal["writes", "dead"]) -> int:
        """Return the number of entries in all partitions. Raises RedisError."""
        with self.queue.client() as client:
            return sum(int(client.xlen(getattr(partition, stream))) for partition in self.partitions)

    def half_done(self) -> list[int]:
        """Return, for each death between commit and acknowledgement, how many writes it left committed and pending."""
        log = self.half_done_log
        return [int(line) for line in log.read_text().splitlines()] if log.exists() else []

    def ask_admin(self, method: str, path: str, **more: Any) -> Any:
        """Return the data of the first dlq_admin that answers, or None."""
        for name, service in self.services.items():
            if not name.startswith("dlq-admin"):
                continue
            try:
                response = httpx.request(
                    method, service.url + path, headers=keys.bearer(self.admin_key), timeout=60, **more
                )
            except httpx.TransportError:
                continue
            if response.status_code == 200 and response.json()["success"]:
                return response.json()["data"]
            if response.status_code not in (503, 504):
                raise AssertionError(f"{method} {path}: {response.text}")
        return None

    def _ended(self) -> list[str]:
        return [name for name, each in self.services.items() if not each.running]

    @property
    def _partition_settings(self) -> dict[str, str]:
        """The settings of every service that uses the queue."""
        return {"HOLDFAST_QUEUE_PARTITIONS": str(len(self.partitions))}

    def _half_done_settings(self, log: str) -> dict[str, str]:
        return {half_done.SHARE: str(HALF_DONE_SHARE), half_done.LOG: log}
