"""The stage: every process of the system, each link between them through a proxy that can break it."""

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
#: What a writer runs. Each may die between commit and acknowledgement, so the first commit of any is such a moment; and
#: after which share of their batches.
WRITER_MODULE, HALF_DONE_SHARE = half_done.__name__, 0.02
#: The retries that external_proxy may make, on top of the requests.
RETRY_SHARE = 0.1
#: And of each process of it, with none on top.
RETRY_BURST = 20
PROXY: dict[str, Any] = {
    "retry_share": RETRY_SHARE,
    "attempt_s": 1.0,
    "breaker": {"window_s": 5, "calls_min": 10, "open_s": 1.0, "open_max_s": 2.0, "ramp_s": 1},
}
ADMIN = {"HOLDFAST_DLQ_LEASE_S": "2", "HOLDFAST_DLQ_APPROVE_OVER": "1000000", "HOLDFAST_DB_LOCK_WAIT_S": "2"}
#: Poison is planted by the thousand, which would make writers halt.
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
        """Base URL."""
        ...

    @property
    def running(self) -> bool:
        """Whether it exists."""
        ...

    def start(self, *, wait: bool = True) -> object:
        """With `wait`, until it answers."""

    def kill(self) -> None:
        """kill -9."""

    def freeze(self) -> None:
        """It does nothing any more when this returns."""

    def thaw(self) -> None:
        """It goes on."""

    def wait_until_alive(self) -> None:
        """Until it answers."""


class Stage(ABC):
    """Use it in a `with` block; `start` returns when the apis answer."""

    queue: RedisOnDisk
    cache: RedisServer
    database: Database
    third_party: ThirdParty
    links: Links

    #: Whether writers die between commit and acknowledgement.
    dies_halfway = True
    #: Whether another node takes over the queue.
    fails_over = False
    #: Whether the queue's disk can be full.
    disk = True
    #: Of a user of dlq_admin with every scope.
    admin_key = keys.ADMIN
    #: Where the services' users of the database come from, as the database writes it.
    database_users_at = "127.0.0.%"

    def __init__(self, folder: Path, partitions: int) -> None:
        self.folder = folder
        #: Of the queue.
        self.partitions = Partitions(partitions)
        self.services: Mapping[str, Program] = {}
        #: Services that a fault keeps down: no supervisor starts them.
        self.held: set[str] = set()
        #: What cannot be done here, for the report.
        self.limits: Sequence[str] = ()
        #: Faults that are done in a way of its own here: each breaks, and returns what mends it. Raises Problem.
        self.levers: Mapping[str, Callable[[], Mend]] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> "Stage":
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """Nothing is left."""

    @abstractmethod
    def start(self) -> None:
        """All of it, in order."""

    @property
    def half_done_log(self) -> Path:
        """See `half_done.py`."""
        return self.folder / "half-done"

    @property
    def servers(self) -> dict[str, RedisServer | Database]:
        """The stores by name."""
        return {"queue": self.queue, "cache": self.cache, "database": self.database}

    @property
    def apis(self) -> list[str]:
        """Their names."""
        return [name for name in self.services if name.startswith("api")]

    def turn(self, target: str) -> str:
        """What one fault at a time is for."""
        return target

    def heal(self) -> None:
        """Mend every link and every store, start what is down; no writer dies by its own hand any more."""
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
        """Start services that ended, as a supervisor would; their names."""
        with self._starting:
            ended = [name for name in self._ended() if name not in self.held]
            for name in ended:
                self.services[name].start(wait=False)
        return ended

    def end_services(self) -> None:
        """kill -9 of every service; nothing changes after it. First of the apis: writers work off their last
        heartbeats, unless one is stuck."""
        for name in self.apis:
            self.services[name].kill()
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not self.length("writes"), what="no entry is left")
        for name in self.services.keys() - set(self.apis):
            self.services[name].kill()

    def length(self, stream: Literal["writes", "dead"]) -> int:
        """Entries in all partitions of it. Raises RedisError."""
        with self.queue.client() as client:
            return sum(int(client.xlen(getattr(partition, stream))) for partition in self.partitions)

    def half_done(self) -> list[int]:
        """For each death between commit and acknowledgement: how many writes it left committed and pending."""
        log = self.half_done_log
        return [int(line) for line in log.read_text().splitlines()] if log.exists() else []

    def ask_admin(self, method: str, path: str, **more: Any) -> Any:
        """The data of the first dlq_admin that answers; None: none does now."""
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
        """Of every service that uses the queue."""
        return {"HOLDFAST_QUEUE_PARTITIONS": str(len(self.partitions))}

    def _half_done_settings(self, log: str) -> dict[str, str]:
        return {half_done.SHARE: str(HALF_DONE_SHARE), half_done.LOG: log}
