"""The services under test: started as an operator starts them, killed as an outage kills them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.processes import freeze
from holdfast import services
from tests import alive, keys
from tests.client import client_of, fetch
from tests.servers import PASSWORD, START_DEADLINE_S, free_port, wait_until, with_us
from tests.warm import Forked, Warm

ROOT = Path(__file__).parent.parent

#: The modules that a service's process has imported when it begins. One warm process that has imported them all is made
#: in a third of the time that one for each would take.
IMPORTED = " ".join(f"{services.__name__}.{name}.process" for name in ("api", "dlq_admin", "external_proxy", "writer"))

#: Settings of a writer with short waits, so that what takes a minute in production takes seconds here.
QUICK = {
    "HOLDFAST_DB_TIMEOUT_S": "1.2",
    "HOLDFAST_DB_LOCK_WAIT_S": "1",
    "HOLDFAST_DB_CONNECT_TIMEOUT_S": "1",
    "HOLDFAST_REDIS_TIMEOUT_S": "0.8",
    "HOLDFAST_WRITER_BLOCK_MS": "200",
    "HOLDFAST_WRITER_CLAIM_IDLE_S": "2.5",
    "HOLDFAST_WRITER_UNKNOWN_PATIENCE_S": "0.5",
    "HOLDFAST_WRITER_BACKOFF_BASE_S": "0.02",
    "HOLDFAST_WRITER_BACKOFF_CAP_S": "0.2",
    "HOLDFAST_WRITER_PROBE_CAP_S": "0.3",
    "HOLDFAST_DRAIN_S": "1",
}

#: The same for stores that stay healthy: a slow moment must not count as an outage, which would stop a replay for good.
PATIENT_WRITER = QUICK | {
    "HOLDFAST_DB_TIMEOUT_S": "12",
    "HOLDFAST_DB_LOCK_WAIT_S": "6",
    "HOLDFAST_DB_CONNECT_TIMEOUT_S": "6",
    "HOLDFAST_REDIS_TIMEOUT_S": "9",
    "HOLDFAST_WRITER_CLAIM_IDLE_S": "30",
}

#: Settings of an api that gives up on a healthy store only if the machine stands still: a slow moment changes no
#: answer.
PATIENT_API = {
    "HOLDFAST_API_TIMEOUT_S": "60",
    "HOLDFAST_API_READ_TIMEOUT_S": "12",
    "HOLDFAST_API_WAIT_MAX_S": "60",
    "HOLDFAST_CACHE_TIMEOUT_S": "5",
    "HOLDFAST_REDIS_CONNECT_TIMEOUT_S": "3",
    "HOLDFAST_REDIS_TIMEOUT_S": "9",
    "HOLDFAST_DB_CHECKOUT_TIMEOUT_S": "6",
    "HOLDFAST_DB_CONNECT_TIMEOUT_S": "6",
    "HOLDFAST_DB_TIMEOUT_S": "12",
}

#: Settings of an api that gives up soon, for tests in which a store hangs. Such a test must not assume that a healthy
#: store answers in time: a write may be accepted or refused, and a read may come from the cache.
HASTY_API = {
    "HOLDFAST_API_TIMEOUT_S": "15",
    "HOLDFAST_API_READ_TIMEOUT_S": "2",
    "HOLDFAST_API_WAIT_MAX_S": "60",
    "HOLDFAST_CACHE_TIMEOUT_S": "0.5",
    "HOLDFAST_REDIS_CONNECT_TIMEOUT_S": "1",
    "HOLDFAST_REDIS_TIMEOUT_S": "2",
    "HOLDFAST_DB_CHECKOUT_TIMEOUT_S": "1",
    "HOLDFAST_DB_TIMEOUT_S": "3",
}


def stores_of(service: str, redis_addr: str, dsn: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the settings, `more` included, with which the service logs in as itself. An address that is a URL stays as
    it is."""
    stores = {"REDIS_ADDR": redis_addr} | {key: value for key, value in more.items() if key.endswith("REDIS_ADDR")}
    queues = {key: addr if "://" in addr else f"redis://{service}:{PASSWORD}@{addr}" for key, addr in stores.items()}
    return {**more, **queues, **({"DB_DSN": login_of(service, dsn)} if dsn else {})}


def login_of(service: str, dsn: str) -> str:
    """Return the DSN of a test server with the user of this service. The DSN of a test's own database is unchanged."""
    return (
        dsn
        if not dsn.endswith("/holdfast")
        else dsn.replace(f"holdfast:{PASSWORD}@", f"holdfast_{service}:{PASSWORD}@")
    )


class Service:
    """`python -m <module>`, with an HTTP port that answers /livez. `warm`: the process is forked from one that has
    imported the services."""

    def __init__(
        self, module: str, port_setting: str, folder: Path, environment: Mapping[str, str], *, warm: bool = False
    ) -> None:
        self.port = free_port()
        self.log = folder / f"{module}-{self.port}.log"
        self._module = module
        self._warm = warm
        metrics_port = environment.get("HOLDFAST_DLQ_METRICS_PORT", self.port)
        #: The host:port that Prometheus scrapes.
        self.scraped_at = f"127.0.0.1:{metrics_port}"
        self._environment = os.environ | environment | {port_setting: str(self.port)}
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._starts = 0
        #: The folder with the files of the service's build.
        self.root = ROOT
        alive.known(self)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def metrics_url(self) -> str:
        """The URL that Prometheus scrapes."""
        return f"http://{self.scraped_at}/metrics"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> "Service":
        """Start the process. With `wait`, return when it answers."""
        if self._warm and self.root == ROOT:
            warm = Warm.of(IMPORTED, self._starts)
            self._process = warm.start(self._module, self._arguments(), self._environment, self.log)
        else:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*with_us(), sys.executable, "-m", self._module, *self._arguments()], cwd=self.root,
                    env=self._environment, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        self._starts += 1
        if wait:
            self.wait_until_alive()
        return self

    def wait_until_alive(self) -> None:
        """Wait until the service answers /livez. Raises AssertionError with its log if it ends first."""
        wait_until(self._answers_or_died, what=self._module)

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal, if it runs."""
        if self.running:
            os.kill(self.pid, number)

    def freeze(self) -> None:
        """Send SIGSTOP and wait until it takes effect: connections stay open, but the process does nothing."""
        freeze(self.pid)

    def thaw(self) -> None:
        """Send SIGCONT."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process has ended."""
        self.send(signal.SIGKILL)
        if self._process:
            self._process.wait(START_DEADLINE_S)

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def wait(self, deadline_s: float = START_DEADLINE_S) -> int:
        """Wait until the process ends on its own, and return its exit code. If it does not, kill it and raise
        AssertionError."""
        assert self._process is not None
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self._module} did not end:\n{self.log.read_text()[-3000:]}") from None

    def client(self, **more: Any) -> httpx.Client:
        """Return a client of the service."""
        return client_of(self.url, **more)

    def ready(self) -> bool:
        """Return whether the service is ready, as an orchestrator asks. Raises httpx.TransportError if it does not
        answer at all."""
        return fetch("GET", f"{self.url}/readyz").status_code == 200

    def metric(self, sample: str) -> float:
        """Return the value of `name{label="value"}` as Prometheus would read it now, or 0 if there is none."""
        for line in fetch("GET", self.metrics_url).text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0.0

    def _arguments(self) -> list[str]:
        return []

    def _answers_or_died(self) -> bool:
        assert self.running, f"{self._module} ended:\n{self.log.read_text()[-3000:]}"
        try:
            return fetch("GET", f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(*services: Service) -> Iterator[None]:
    """Start all services side by side, run the block, then kill them."""
    try:
        for service in services:
            service.start(wait=False)
        for service in services:
            service.wait_until_alive()
        yield
    finally:
        for service in services:
            service.kill()


def api(folder: Path, redis_addr: str, dsn: str, module: str = "holdfast.services.api", **more: str) -> Service:
    """Return an api with the demo profile, open to everybody, with the keys of `tests/keys.py`. `module` may name an
    api that misbehaves on purpose."""
    environment = (
        PATIENT_API
        | {
            "HOLDFAST_INSTANCE": "api-test",
            "HOLDFAST_PROFILE": "demo",
            "HOLDFAST_KEYS_FILE": str(keys.written_to(folder)),
            "HOLDFAST_API_IDEMPOTENCY_SECRET": "a secret of the tests",
            "HOLDFAST_API_HEARTBEAT_S": "0",  # a heartbeat would be counted with the test's own writes
        }
        | stores_of("api", redis_addr, dsn, more)
    )
    return Service(module, "HOLDFAST_API_PORT", folder, environment, warm=True)


def dlq_admin(
    folder: Path,
    redis_addr: str,
    dsn: str,
    name: str = "dlq-test",
    module: str = "holdfast.services.dlq_admin",
    **more: str,
) -> Service:
    """Return a dlq_admin with the keys of `tests/keys.py`."""
    environment = {
        "HOLDFAST_INSTANCE": name,
        "HOLDFAST_KEYS_FILE": str(keys.written_to(folder)),
        "HOLDFAST_DLQ_METRICS_PORT": str(free_port()),
        "HOLDFAST_DLQ_BLOCK_MS": "200",
        "HOLDFAST_DLQ_CLAIM_IDLE_S": "1",
        "HOLDFAST_DLQ_PROBE_CAP_S": "0.3",
        "HOLDFAST_DLQ_READ_TIMEOUT_S": "30",  # the test waits for a page as long as it takes
        "HOLDFAST_CACHE_TIMEOUT_S": "5",
    } | stores_of("dlq_admin", redis_addr, dsn, more)
    return Service(module, "HOLDFAST_DLQ_PORT", folder, environment, warm=True)


def writer(
    folder: Path,
    redis_addr: str,
    dsn: str,
    name: str = "writer-test",
    module: str = "holdfast.services.writer",
    **more: str,
) -> Service:
    """Return a writer. `module` may name a writer that misbehaves on purpose."""
    environment = {"HOLDFAST_INSTANCE": name} | stores_of("writer", redis_addr, dsn, more)
    return Service(module, "HOLDFAST_WRITER_PORT", folder, environment, warm=True)


def external_proxy(
    folder: Path, redis_addr: str, third_party: str, config: Mapping[str, object], **more: str
) -> Service:
    """Return an external_proxy with `config` as its settings and the keys of `tests/keys.py`. It polls for changes
    often."""
    environment = {
        "HOLDFAST_PROXY_THIRD_PARTY_URL": third_party,
        "HOLDFAST_PROXY_CONFIG": json.dumps(config),
        "HOLDFAST_PROXY_CONFIG_POLL_S": "0.2",
        "HOLDFAST_INSTANCE": "proxy-test",
        "HOLDFAST_KEYS_FILE": str(keys.written_to(folder)),
        "HOLDFAST_DRAIN_S": "1",
    } | stores_of("external_proxy", redis_addr, "", more)
    return Service("holdfast.services.external_proxy", "HOLDFAST_PROXY_PORT", folder, environment, warm=True)


class ThirdParty(Service):
    """The stand-in third party. A test sets its behaviour and reads which requests arrived."""

    def __init__(self, folder: Path) -> None:
        super().__init__("deploy.third_party", "UNUSED", folder, {})
        self._client = self.client()

    def behave(self, **behaviour: object) -> None:
        """Behave like this from now on; without arguments, answer well."""
        answer = self._client.put("/behaviour", json=behaviour)
        assert answer.status_code == 200, answer.text

    def arrivals(self) -> list[dict[str, Any]]:
        """Return the requests that arrived since `forget`."""
        document = self._client.get("/arrivals").json()
        assert document["count"] == len(document["arrivals"])
        return list(document["arrivals"])

    def forget(self) -> None:
        """Answer well, and forget the requests that arrived."""
        self.behave()
        self._client.delete("/arrivals").raise_for_status()

    def kill(self) -> None:
        """Send SIGKILL, and close the client."""
        super().kill()
        self._client.close()

    def _arguments(self) -> list[str]:
        return ["--port", str(self.port)]
