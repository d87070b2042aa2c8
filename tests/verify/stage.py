"""The stage: every process of the system, each link between them through a proxy that can break it."""

import threading
from pathlib import Path
from typing import Any

import httpx

from tests import keys
from tests.conftest import migrate
from tests.processes import QUICK, Service, ThirdParty, api, dlq_admin, external_proxy, writer
from tests.servers import Database, RedisServer
from tests.verify import half_done
from tests.verify.disk import RedisOnDisk
from tests.verify.links import Links

APIS, WRITERS, ADMINS = 2, 3, 2
#: Writers that may die between commit and acknowledgement, and after which share of their batches.
HALF_DONE_WRITERS, HALF_DONE_SHARE = 2, 0.02
#: The retries that external_proxy may make, on top of the requests.
RETRY_SHARE = 0.1
_PROXY: dict[str, Any] = {
    "retry_share": RETRY_SHARE,
    "attempt_s": 1.0,
    "breaker": {"window_s": 5, "calls_min": 10, "open_s": 1.0, "open_max_s": 2.0, "ramp_s": 1},
}
_ADMIN = {"HOLDFAST_DLQ_LEASE_S": "2", "HOLDFAST_DLQ_APPROVE_OVER": "1000000", "HOLDFAST_DB_LOCK_WAIT_S": "2"}
#: Poison is planted by the thousand, which would make writers halt.
_WRITER = QUICK | {"HOLDFAST_WRITER_DEAD_SHARE_MAX": "1"}
STORES = ("queue", "cache", "database")
_NO_LINK = ("dlq-admin", "cache")
_ASKED_S = 60.0


class Stage:
    """Use it in a `with` block; `start` returns when the apis answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._half_done = folder / "half-done"
        self.queue = RedisOnDisk(_made(folder / "queue"))
        self.cache = RedisServer(_made(folder / "cache"), "--appendonly", "no")
        self.database = Database(_made(folder / "database"))
        self.third_party = ThirdParty(folder)
        self.servers: dict[str, RedisServer | Database] = {
            "queue": self.queue,
            "cache": self.cache,
            "database": self.database,
        }
        ends = [(kind, store) for kind in ("api", "writer", "dlq-admin") for store in STORES]
        self.links = Links(
            {f"{kind} → {store}": self.servers[store].port for kind, store in ends if (kind, store) != _NO_LINK}
        )
        self._http = httpx.Client(timeout=_ASKED_S, verify=False)  # noqa: S501 - one context less to make; no TLS here
        self.services: dict[str, Service] = {}
        #: Services that a fault keeps down: no supervisor starts them.
        self.held: set[str] = set()
        self._starting = threading.Lock()

    def __enter__(self) -> "Stage":
        self._make_services()
        return self

    def __exit__(self, *_: object) -> None:
        """kill -9 of everything."""
        for service in self.services.values():
            service.kill()
        self.third_party.kill()
        for server in self.servers.values():
            server.kill()
        self.links.end()
        self._http.close()

    def start(self) -> None:
        """All of it, in order."""
        for server in self.servers.values():
            server.start()
        migrate(self.database.dsn)
        self.third_party.start()
        for service in self.services.values():
            service.start(wait=False)
        for name in self.apis:
            self.services[name].wait_until_alive()

    @property
    def apis(self) -> list[str]:
        """Their names."""
        return [name for name in self.services if name.startswith("api")]

    def heal(self) -> None:
        """Mend every link and every store, start what is down; no writer dies by its own hand any more."""
        self._half_done.with_name(half_done.CALM).touch()
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
            ended = [name for name, each in self.services.items() if name not in self.held and not each.running]
            for name in ended:
                self.services[name].start(wait=False)
        return ended

    def kill_services(self) -> None:
        """kill -9 of all of ours: from now on nothing changes."""
        for service in self.services.values():
            service.kill()

    def half_done(self) -> list[int]:
        """For each death between commit and acknowledgement: how many writes it left committed and pending."""
        log = self._half_done
        return [int(line) for line in log.read_text().splitlines()] if log.exists() else []

    def ask_admin(self, method: str, path: str, **more: Any) -> Any:
        """The data of the first dlq_admin that answers; None: none does now."""
        for name, service in self.services.items():
            if not name.startswith("dlq-admin"):
                continue
            try:
                response = httpx.request(
                    method, service.url + path, headers=keys.bearer(keys.ADMIN), timeout=60, **more
                )
            except httpx.TransportError:
                continue
            if response.status_code == 200 and response.json()["success"]:
                return response.json()["data"]
            if response.status_code not in (503, 504):
                raise AssertionError(f"{method} {path}: {response.text}")
        return None

    def _make_services(self) -> None:
        folder = self._folder
        half = {half_done.SHARE: str(HALF_DONE_SHARE), half_done.LOG: str(self._half_done)}
        proxy = self.services["external-proxy"] = external_proxy(
            folder, self.cache.address, self.third_party.url, _PROXY
        )
        for number in range(1, APIS + 1):
            cache = {"HOLDFAST_CACHE_REDIS_ADDR": self._address("api", "cache")}
            name = f"api-{number}"
            more = cache | {"HOLDFAST_INSTANCE": name, "HOLDFAST_API_EXTERNAL_PROXY_URL": proxy.url}
            self.services[name] = api(folder, *self._stores("api"), **more)
        for number in range(1, WRITERS + 1):
            cache = {"HOLDFAST_CACHE_REDIS_ADDR": self._address("writer", "cache")}
            dies = number <= HALF_DONE_WRITERS
            module = "tests.verify.half_done" if dies else "holdfast.services.writer"
            name = f"writer-{number}"
            more = _WRITER | cache | (half if dies else {})
            self.services[name] = writer(folder, *self._stores("writer"), name, module, **more)
        for number in range(1, ADMINS + 1):
            name = f"dlq-admin-{number}"
            self.services[name] = dlq_admin(folder, *self._stores("dlq-admin"), name, **_ADMIN)

    def _address(self, kind: str, store: str) -> str:
        return f"127.0.0.1:{self.links.ports[f'{kind} → {store}']}"

    def _stores(self, kind: str) -> tuple[str, str]:
        dsn = self.database.dsn.replace(f"127.0.0.1:{self.database.port}", self._address(kind, "database"))
        return self._address(kind, "queue"), dsn


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
