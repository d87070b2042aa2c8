"""The stage in containers: docker-compose.yml as a project of its own, built, started and removed by the run."""

import json
import shutil
from pathlib import Path

import httpx
import pymysql
import redis

from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks.engine import docker
from tests import keys
from tests.client import fetch
from tests.ports import free_port
from tests.processes import PATIENT_API, ThirdParty
from tests.servers import PASSWORD, Database, wait_until
from tests.verify import compose
from tests.verify.disk import RedisOnDisk
from tests.verify.links import Links
from tests.verify.stage import ADMIN, ADMINS, APIS, LINKS, PROXY, WRITER, WRITER_MODULE, WRITERS, Stage

_LONG_S = 900.0
_FIRST_LINK = 4001
_APIS = PATIENT_API | {"HOLDFAST_API_HEARTBEAT_S": "0"}
_ADMIN = ADMIN | {
    "HOLDFAST_DLQ_BLOCK_MS": "200", "HOLDFAST_DLQ_CLAIM_IDLE_S": "1", "HOLDFAST_DLQ_PROBE_CAP_S": "0.3",
    "HOLDFAST_DLQ_READ_TIMEOUT_S": "30",
}  # fmt: skip
_PROXY = {"HOLDFAST_PROXY_CONFIG": json.dumps(PROXY), "HOLDFAST_PROXY_CONFIG_POLL_S": "0.2", "HOLDFAST_DRAIN_S": "1"}
_NOT_HERE = "In containers a power loss is a kill, and no disk is full: both are shown by the run on processes."


class _Container:
    """A container. After a restart it has the same port and data."""

    def __init__(self, name: str, port: int) -> None:
        self.name = f"{compose.PROJECT}-{name}"
        self.port = port

    @property
    def running(self) -> bool:
        """Whether it runs, which a frozen container does."""
        return docker("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"

    def kill(self) -> None:
        """Kill it with kill -9."""
        self._signal("KILL")

    def freeze(self) -> None:
        """Send SIGSTOP to its process. `docker pause` needs a freezer, which not every kernel supports."""
        self._signal("STOP")

    def thaw(self) -> None:
        """Send SIGCONT to its process."""
        self._signal("CONT")

    def _signal(self, name: str) -> None:
        try:
            docker("kill", "--signal", name, self.name)
        except Problem as problem:
            if "is not running" not in str(problem):
                raise


class _Service(_Container):
    """A container of our services."""

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, wait: bool = True) -> None:
        """Start it. With `wait`, return when it answers."""
        docker("start", self.name)
        if wait:
            self.wait_until_alive()

    def wait_until_alive(self) -> None:
        """Wait until it answers /livez."""
        wait_until(self._answers, what=f"{self.name} answers; see `docker logs {self.name}`")

    def _answers(self) -> bool:
        try:
            return fetch("GET", f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class _Redis(_Container, RedisOnDisk):
    """A Redis with the services' users, and an operator for the run."""

    def __init__(self, name: str, port: int) -> None:
        _Container.__init__(self, name, port)
        self.observed = False

    @property
    def address(self) -> str:
        """The address for the operator."""
        return f"redis://operator:{PASSWORD}@127.0.0.1:{self.port}"

    def client(self) -> redis.Redis:
        """Return a plain client, for looking and for doing harm."""
        return redis.Redis(port=self.port, username="operator", password=PASSWORD, socket_timeout=60)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        docker("start", self.name)
        wait_until(self.answers, what=self.name)


class _MySql(_Container, Database):
    """MySQL, used as root."""

    @property
    def dsn(self) -> str:
        """The DSN for root."""
        return f"mysql://root:{PASSWORD}@127.0.0.1:{self.port}/holdfast"

    def connect(
        self, user: str = "root", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Connect as root, whatever `user` is given."""
        return pymysql.connect(
            user="root", password=PASSWORD, database=database, port=self.port, host="127.0.0.1",
            connect_timeout=30, read_timeout=60, autocommit=True,
        )  # fmt: skip

    def start(self) -> None:
        """Start it, and wait until it answers."""
        docker("start", self.name)
        wait_until(self.answers, what=self.name)

    def _listens(self) -> bool:
        return True  # not over a socket of this test's process


class _ThirdParty(_Service, ThirdParty):
    """The stand-in, controlled through its published port."""

    def __init__(self, name: str, port: int) -> None:
        _Service.__init__(self, name, port)
        self._client = self.client()

    def kill(self) -> None:
        """Kill it with kill -9."""
        _Service.kill(self)
        self._client.close()


class Containers(Stage):
    """The whole system in containers. Raises Problem if Docker is not available."""

    disk = False
    database_users_at = "%"

    def __init__(self, folder: Path, partitions: int) -> None:
        super().__init__(folder, partitions)
        self.limits = (_NOT_HERE,)
        self._file = folder / "compose.json"
        self._shared = folder / "shared"
        self._shared.mkdir()
        self._shared.chmod(0o777)
        if shutil.which("docker") is None:
            raise Problem("docker is not installed", "make verify, which runs the system as processes")
        docker("info", "--format", "{{.ServerVersion}}")

    @property
    def half_done_log(self) -> Path:
        """The log of half-done batches, in a folder that writers may write."""
        return self._shared / "half-done"

    def start(self) -> None:
        """Build the images, then start everything in order."""
        docker("compose", "--profile", "demo", "build", within_s=_LONG_S)
        self._describe()
        self._compose("down", "--volumes", "--remove-orphans")
        self._compose("run", "--rm", "-T", "secrets")
        self._compose("up", "--detach", "--no-deps", "queue", "cache", "mysql", "third_party")
        for server in self.servers.values():
            wait_until(server.answers, what="a store answers")
        self._compose("run", "--rm", "-T", "migrate")
        python = ("docker", *self._project(), "run", "--rm", "-T", "--name", f"{compose.PROJECT}-links",
                  "--use-aliases", "links", "python")  # fmt: skip
        self.links = Links(_targets(), python, f"0.0.0.0:{_FIRST_LINK}")
        self._compose("up", "--detach", "--no-deps", *map(_service_name, self.services))
        for name in self.apis:
            self.services[name].wait_until_alive()

    def __exit__(self, *_: object) -> None:
        """Remove containers, networks and volumes. The images stay."""
        if self._file.exists():
            self._compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
        if hasattr(self, "links"):
            self.links.end()

    def _ended(self) -> list[str]:
        """Return the containers that have ended, with one command for all."""
        running = set(docker("ps", "--format", "{{.Names}}").split())
        return [name for name in self.services if f"{compose.PROJECT}-{_service_name(name)}" not in running]

    def _describe(self) -> None:
        programs = {
            "external_proxy": _PROXY,
            **{f"api-{number}": _APIS | _links_of("api") for number in range(1, APIS + 1)},
            **{f"writer-{number}": self._writer(number) for number in range(1, WRITERS + 1)},
            **{f"dlq-admin-{number}": _ADMIN | _links_of("dlq-admin") for number in range(1, ADMINS + 1)},
        }
        published = {name: free_port() for name in (*programs, "third_party", *compose.STORES)}
        self.queue, self.cache = _Redis("queue", published["queue"]), _Redis("cache", published["cache"])
        self.database = _MySql("mysql", published["mysql"])
        self.third_party = _ThirdParty("third_party", published["third_party"])
        self.services = {name.replace("_", "-"): _Service(name, published[name]) for name in programs}
        keys.written_to(self._shared)
        own = {"HOLDFAST_KEYS_FILE": f"{compose.SHARED}/keys"} | self._partition_settings
        settings = {name: more | own | {"HOLDFAST_INSTANCE": name} for name, more in programs.items()}
        commands = {name: ["python", "-m", WRITER_MODULE] for name in programs if name.startswith("writer")}
        config = json.loads(
            docker("compose", "--project-name", compose.PROJECT, "--profile", "demo", "config", "--format", "json")
        )
        made = compose.project(config, published, settings, commands, str(self._shared), str(REPO))
        self._file.write_text(json.dumps(made, indent=1))

    def _writer(self, number: int) -> dict[str, str]:
        return WRITER | _links_of("writer") | self._half_done_settings(f"{compose.SHARED}/half-done")

    def _project(self) -> tuple[str, ...]:
        return ("compose", "--project-name", compose.PROJECT, "--file", str(self._file))

    def _compose(self, *command: str) -> str:
        return docker(*self._project(), *command, within_s=_LONG_S)


def _service_name(name: str) -> str:
    return name.replace("external-proxy", "external_proxy")


def _targets() -> dict[str, str]:
    hosts = {"queue": "queue:6379", "cache": "cache:6379", "database": "mysql:3306"}
    return {name: hosts[name.rpartition(" ")[2]] for name in LINKS}


def _links_of(kind: str) -> dict[str, str]:
    """Return where a process of this kind finds its stores, with its own user."""
    service = kind.replace("-", "_")
    ports = {name: _FIRST_LINK + place for place, name in enumerate(LINKS)}
    addresses = {
        "REDIS_ADDR": f"redis://{service}:{PASSWORD}@links:{ports[f'{kind} → queue']}",
        "DB_DSN": f"mysql://holdfast_{service}:{PASSWORD}@links:{ports[f'{kind} → database']}/holdfast",
    }
    cache = ports.get(f"{kind} → cache")
    return addresses | ({"HOLDFAST_CACHE_REDIS_ADDR": f"redis://{service}:{PASSWORD}@links:{cache}"} if cache else {})
