"""The real proxy, with the real configuration, in front of two real apis: one is killed, and every request that may be
repeated succeeds."""

import json
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.compose.check import counted, traffic
from deploy.local.haproxy import METRICS, config
from holdfast.shared.errors import catalogue
from holdfast.shared.http.envelope import status_of
from tests import processes
from tests.client import fetch
from tests.processes import Service
from tests.servers import START_DEADLINE_S, Database, RedisServer, free_port, wait_until

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy/haproxy"
CONFIG = (FOLDER / "haproxy.cfg").read_text()
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"


class _Rude:
    """A replica that is ready, and closes the connection of every other request once it has read the request's head."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        heads = self.heads

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                if head.startswith(b"GET /readyz "):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                else:
                    heads.append(head)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    @property
    def requests(self) -> int:
        """The number of requests whose connection it has closed."""
        return len(self.heads)

    def __enter__(self) -> "_Rude":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """HAProxy with deploy/haproxy/haproxy.cfg, in which only the ports and the addresses of the replicas are
    changed."""

    def __init__(self, folder: Path, replicas: list[int]) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        binds = {8080: f"127.0.0.1:{self.port}", METRICS: f"127.0.0.1:{self.metrics_port}"}
        (folder / "haproxy.cfg").write_text(config([FOLDER / "haproxy.cfg"], binds, {"api": replicas}))
        self._process = subprocess.Popen([HAPROXY, "-db", "-f", str(folder / "haproxy.cfg")], start_new_session=True)
        wait_until(lambda: self.up() == len(replicas), what="HAProxy finds the replicas")

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> int:
        """Return the number of replicas that HAProxy finds healthy, or -1 if HAProxy does not answer."""
        try:
            lines = fetch("GET", f"http://127.0.0.1:{self.metrics_port}/metrics").text.splitlines()
        except httpx.TransportError:
            return -1
        up = [line for line in lines if line.startswith("haproxy_server_status{") and 'state="UP"' in line]
        return sum(line.endswith(" 1") for line in up)

    def end(self) -> None:
        """Send SIGTERM and wait for the end."""
        self._process.terminate()
        self._process.wait(START_DEADLINE_S)


@pytest.fixture
def apis(tmp_path: Path, clean_redis: RedisServer, clean_database: Database) -> Iterator[list[Service]]:
    """Two api replicas, which trust the client address that a proxy on this machine reports."""
    some = [
        processes.api(
            tmp_path, clean_redis.address, clean_database.dsn, HOLDFAST_INSTANCE=f"api-{number}",
            HOLDFAST_API_TRUSTED_PROXIES="127.0.0.1/32", HOLDFAST_API_RATE_WRITES_PER_MIN="0",
            HOLDFAST_API_RATE_READS_PER_MIN="0",
        )
        for number in range(2)
    ]  # fmt: skip
    yield [api.start() for api in some]
    for api in some:
        api.kill()


@pytest.fixture
def proxy(tmp_path: Path, apis: list[Service]) -> Iterator[Proxy]:
    """HAProxy in front of the two replicas."""
    one = Proxy(tmp_path, [api.port for api in apis])
    yield one
    one.end()


@pytest.mark.parametrize("names", [["haproxy.cfg"], ["haproxy.cfg", "ha.cfg"]])
def test_the_configuration_is_valid(names: list[str]) -> None:
    """HAProxy accepts the shipped configuration without a warning, with and without the file for services with two
    replicas."""
    files = [argument for name in names for argument in ("-f", str(FOLDER / name))]
    done = subprocess.run([HAPROXY, "-c", *files], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_a_killed_replica_costs_nothing_that_may_be_asked_again(proxy: Proxy, apis: list[Service]) -> None:
    """While each replica in turn is killed under load and started again, every read and every write with a key has a
    good response."""
    with traffic(f"127.0.0.1:{proxy.port}") as load:
        wait_until(lambda: counted(load.run).good > 100, what="load")
        for api in apis:
            api.kill()
            seen = counted(load.run).good
            wait_until(lambda seen=seen: counted(load.run).good > seen + 60, what="load goes on")  # type: ignore[misc]
            api.start()
            wait_until(lambda: proxy.up() == 2, what="it is used again")
    assert not counted(load.run).lost


def test_a_write_without_a_key_is_not_sent_twice(tmp_path: Path) -> None:
    """If the replica disconnects after it has taken a write without a key, the proxy does not retry, and the client
    learns that the outcome is unknown."""
    with _Rude() as rude:
        proxy = Proxy(tmp_path, [rude.port])
        try:
            plain = fetch("POST", f"{proxy.url}/users", json={})
            assert (plain.status_code, plain.json()["error"]["code"], rude.requests) == (502, "ANSWER_LOST", 1)
            assert plain.json()["error"]["definite"] is False
            keyed = fetch("POST", f"{proxy.url}/users", json={}, headers={"Idempotency-Key": "k"})
            assert (keyed.status_code, rude.requests > 2) == (502, True)
            before = rude.requests
            fetch("PUT", f"{proxy.url}/users/1", json={}, headers={"If-Match": '"1"'})
            assert rude.requests == before + 1
        finally:
            proxy.end()


def test_what_the_proxy_says_itself_is_in_the_envelope(tmp_path: Path, apis: list[Service], proxy: Proxy) -> None:
    """The proxy's own errors have code, status and sentence of the catalogue, and the caller's request id."""
    known = {error.code: error for error in catalogue()}
    answers = [fetch("GET", f"{proxy.url}/metrics", headers={"X-Request-ID": "mine-12345"})]
    for api in apis:
        api.kill()
    wait_until(lambda: proxy.up() == 0, what="HAProxy notices")
    answers.append(fetch("GET", f"{proxy.url}/users/1", headers={"X-Request-ID": "mine-12345"}))
    assert [answer.json()["error"]["code"] for answer in answers] == ["PATH_NOT_FOUND", "NO_REPLICA"]
    for answer in answers:
        shown = answer.json()["error"]
        error = known[shown["code"]]
        assert answer.status_code == status_of(error)
        assert shown["message"] == " ".join((error.__doc__ or "").split())
        assert (shown["type"], shown["retryable"], shown["definite"]) == (error.type, error.retryable, error.definite)
        assert (shown["request_id"], answer.headers["X-Request-ID"]) == ("mine-12345", "mine-12345")
    assert answers[1].headers["Retry-After"] == "1"


def test_every_code_in_the_configuration_is_in_the_catalogue() -> None:
    """Every error in the configuration has the code, type and flags of the catalogue, including errors that are hard to
    provoke."""
    known = {error.code: error for error in catalogue()}
    bodies = [
        json.loads(line.split("lf-string '")[1].split("'")[0]) for line in CONFIG.splitlines() if "lf-string" in line
    ]
    assert len(bodies) >= 6
    for shown in (body["error"] for body in bodies):
        error = known[shown["code"]]
        assert (shown["type"], shown["retryable"], shown["definite"]) == (error.type, error.retryable, error.definite)


def test_a_client_cannot_say_who_it_is(tmp_path: Path) -> None:
    """The replica gets the address of the connection in the one header that it trusts, and none that the client
    claims."""
    lies = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Host": "evil", "Forwarded": "for=203.0.113.9",
            "X-Real-IP": "203.0.113.7"}  # fmt: skip
    with _Rude() as rude:
        proxy = Proxy(tmp_path, [rude.port])
        try:
            fetch("POST", f"{proxy.url}/users", headers=lies)
        finally:
            proxy.end()
    head = rude.heads[0].lower()
    assert b"x-forwarded-for: 127.0.0.1\r\n" in head
    assert b"x-forwarded-proto: http\r\n" in head
    assert b"203.0.113" not in head
    assert b"evil" not in head
