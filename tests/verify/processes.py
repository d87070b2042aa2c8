"""The stage as processes of this machine."""

from pathlib import Path

from tests.conftest import migrate
from tests.processes import Service, ThirdParty, api, dlq_admin, external_proxy, writer
from tests.servers import Database, RedisServer
from tests.verify.disk import RedisOnDisk
from tests.verify.links import Links
from tests.verify.stage import ADMIN, ADMINS, APIS, LINKS, PROXY, WRITER, WRITER_MODULE, WRITERS, Stage


class Processes(Stage):
    """The stage as processes, all of which listen on 127.0.0.1."""

    def __init__(self, folder: Path, partitions: int) -> None:
        super().__init__(folder, partitions)
        self.queue = RedisOnDisk(_new(folder / "queue"))
        self.cache = RedisServer(_new(folder / "cache"), "--appendonly", "no")
        self.database = Database(_new(folder / "database"))
        self.third_party = ThirdParty(folder)
        servers = self.servers
        self.links = Links({name: f"127.0.0.1:{servers[name.rpartition(' ')[2]].port}" for name in LINKS})
        self.services = self._make()
        if not self.queue.observed:
            self.limits = ("There is no C compiler here: a power loss was a kill, and did not show the disk.",)

    def __exit__(self, *_: object) -> None:
        """Kill everything with kill -9."""
        for service in self.services.values():
            service.kill()
        self.third_party.kill()
        for server in self.servers.values():
            server.kill()
        self.links.end()

    def start(self) -> None:
        """Start everything in order."""
        for server in self.servers.values():
            server.start()
        migrate(self.database.dsn)
        self.third_party.start()
        for service in self.services.values():
            service.start(wait=False)
        for name in self.apis:
            self.services[name].wait_until_alive()

    def _make(self) -> dict[str, Service]:
        proxy = external_proxy(self.folder, self.cache.address, self.third_party.url, PROXY)
        services = {"external-proxy": proxy}
        for number in range(1, APIS + 1):
            cache = {"HOLDFAST_CACHE_REDIS_ADDR": self._address("api", "cache")}
            name = f"api-{number}"
            more = cache | {"HOLDFAST_INSTANCE": name, "HOLDFAST_API_EXTERNAL_PROXY_URL": proxy.url}
            services[name] = api(self.folder, *self._stores("api"), **more, **self._partition_settings)
        half_done = self._half_done_settings(str(self.half_done_log))
        for number in range(1, WRITERS + 1):
            cache = {"HOLDFAST_CACHE_REDIS_ADDR": self._address("writer", "cache")}
            name = f"writer-{number}"
            more = WRITER | cache | half_done | self._partition_settings
            services[name] = writer(self.folder, *self._stores("writer"), name, WRITER_MODULE, **more)
        for number in range(1, ADMINS + 1):
            name = f"dlq-admin-{number}"
            more = ADMIN | self._partition_settings
            services[name] = dlq_admin(self.folder, *self._stores("dlq-admin"), name, **more)
        return services

    def _address(self, kind: str, store: str) -> str:
        return f"127.0.0.1:{self.links.ports[f'{kind} → {store}']}"

    def _stores(self, kind: str) -> tuple[str, str]:
        dsn = self.database.dsn.replace(f"127.0.0.1:{self.database.port}", self._address(kind, "database"))
        return self._address(kind, "queue"), dsn


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
