"""Every connection to a store uses TLS: servers that accept nothing else, and listeners that record what arrives."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pymysql
import pytest
import redis
import sqlalchemy as sa
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import connect
from holdfast.shared.store.engine import Timeouts, make_engine
from tests import processes
from tests.certificates import Authority
from tests.client import WAIT
from tests.conftest import migrate
from tests.external import PATIENT
from tests.servers import (
    PASSWORD,
    PATIENT_DATABASE,
    PATIENT_REDIS,
    START_DEADLINE_S,
    Database,
    RedisServer,
    free_port,
    wait_until,
)
from tests.warm import Warm

_SECRET = "never-in-clear"  # noqa: S105 - looked for in the recorded bytes


class TlsRedis(RedisServer):
    """A Redis that accepts only TLS and requires client certificates."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        certificate, key = authority.issue("redis")
        self.options = f"ssl_ca_certs={authority.certificate}"
        self._certificate, self._key = authority.issue("client")
        self.with_client = f"{self.options}&ssl_certfile={self._certificate}&ssl_keyfile={self._key}"
        self._ca = authority.certificate
        super().__init__(
            folder, "--port", "0", "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
            "--tls-ca-cert-file", str(authority.certificate),
        )  # fmt: skip
        self._command += ["--tls-port", str(self.port)]

    def client(self) -> redis.Redis:
        """Return a client for the test's own queries."""
        return redis.Redis(
            host="127.0.0.1", port=self.port, socket_timeout=60, ssl=True, ssl_ca_certs=str(self._ca),
            ssl_certfile=str(self._certificate), ssl_keyfile=str(self._key),
        )  # fmt: skip


class TlsDatabase(Database):
    """A database that refuses TCP connections without TLS."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        certificate, key = authority.issue("database")
        super().__init__(folder)
        self._command += [
            "--require-secure-transport=ON", f"--ssl-ca={authority.certificate}", f"--ssl-cert={certificate}",
            f"--ssl-key={key}",
        ]  # fmt: skip


@dataclass(frozen=True)
class Stores:
    """Both servers, the authority that has signed their certificates, and an authority that has not."""

    redis: TlsRedis
    database: TlsDatabase
    authority: Authority
    stranger: Authority


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Running servers, with a schema that was migrated over TLS."""
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = Authority(folder), Authority(folder, "stranger")
    (folder / "redis").mkdir()
    (folder / "database").mkdir()
    found = Stores(
        TlsRedis(folder / "redis", authority), TlsDatabase(folder / "database", authority), authority, stranger
    )
    found.redis.start()
    found.database.start()
    migrate(f"{found.database.dsn}?ssl_ca={authority.certificate}")
    yield found
    found.redis.kill()
    found.database.kill()


@contextlib.contextmanager
def _running(*services: processes.Service) -> Iterator[None]:
    try:
        for service in services:
            service.start(wait=False)
        yield
    finally:
        for service in services:
            service.kill()


def _all(folder: Path, queue: str, dsn: str) -> list[processes.Service]:
    """Return every service, with the cache in the queue's Redis. `queue`: an address with a placeholder for the user's
    name."""
    return [
        processes.api(folder, queue.format("api"), dsn),
        processes.writer(folder, queue.format("writer"), dsn),
        processes.dlq_admin(folder, queue.format("dlq_admin"), dsn),
        processes.external_proxy(folder, queue.format("external_proxy"), "http://127.0.0.1:1", PATIENT),
    ]


def _all_up(services: list[processes.Service]) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return all(service.ready() for service in services)
    return False


def test_every_service_works_over_tls(stores: Stores, tmp_path: Path) -> None:
    """Over TLS a write is accepted, applied and committed, and the dead letter of a malformed entry reaches its
    table."""
    queue = f"rediss://{{}}:{PASSWORD}@{stores.redis.address}?{stores.redis.with_client}"
    dsn = f"{stores.database.dsn}?ssl_ca={stores.authority.certificate}&ssl_verify_identity=true"
    services = _all(tmp_path, queue, dsn)
    with _running(*services):
        wait_until(lambda: _all_up(services), what="all services are ready")
        with stores.redis.client() as client:
            client.xadd("{holdfast}:writes", {"schema": "1", "command": "InvalidFaults"})
        with services[0].client() as api:
            user = {"name": "Ada", "email": "ada@example.com"}
            answer = api.post("/users", json=user, headers=WAIT)
        assert (answer.status_code, answer.json()["data"]["status"]) == (201, "applied")
        wait_until(lambda: _letters(stores.database) == 1, what="the dead letter is in the table")


def _letters(database: Database) -> int:
    with database.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM dead_letters")
        return int(cursor.fetchone()[0])  # type: ignore[index]  # COUNT has a row


@pytest.mark.parametrize("options", [
    "ssl_ca_certs={stranger}", "", "ssl_ca_certs={authority}&ssl_certfile={stranger}&ssl_keyfile={stranger_key}",
])  # fmt: skip
async def test_a_redis_that_nobody_vouches_for_is_refused(stores: Stores, options: str, tmp_path: Path) -> None:
    """A client refuses a Redis whose certificate its authority has not signed, and Redis refuses a client whose
    certificate the server's authority has not signed."""
    other, key = stores.stranger.issue("other")
    ca = other if "certfile" in options else stores.stranger.certificate
    filled = options.format(stranger=ca, authority=stores.authority.certificate, stranger_key=key)
    client = connect(f"rediss://{stores.redis.address}?{filled}", PATIENT_REDIS)
    with pytest.raises(RedisError):
        await client.ping()
    await client.aclose()


@pytest.mark.parametrize(("options", "works"), [
    ("ssl_ca={authority}&ssl_verify_identity=true", True), ("tls=skip-verify", True), ("ssl_mode=REQUIRED", True),
    ("", True), ("tls=preferred", True), ("ssl_ca={stranger}", False), ("tls=true", False), ("tls=false", False),
])  # fmt: skip
def test_a_database_by_options(stores: Stores, options: str, works: bool) -> None:
    """A database connection is always encrypted, and fails if the certificate is not trusted or TLS is declined."""
    filled = options.format(authority=stores.authority.certificate, stranger=stores.stranger.certificate)
    for dsn in (stores.database.dsn, f"holdfast:test-only@tcp(127.0.0.1:{stores.database.port})/holdfast"):
        engine = make_engine(f"{dsn}?{filled}", PATIENT_DATABASE, pool_size=1)
        if works:
            with engine.connect() as connection:
                assert connection.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        else:
            with pytest.raises(sa.exc.OperationalError):
                engine.connect()
        engine.dispose()


def test_a_server_by_another_name_is_refused(stores: Stores) -> None:
    """A certificate for 127.0.0.1 is refused for `localhost`, unless an option disables the check of names."""
    dsn = f"mysql://holdfast:test-only@localhost:{stores.database.port}/holdfast?ssl_ca={stores.authority.certificate}"
    with pytest.raises(sa.exc.OperationalError, match="certificate"):
        make_engine(dsn, PATIENT_DATABASE, pool_size=1).connect()
    make_engine(f"{dsn}&ssl_verify_identity=false", PATIENT_DATABASE, pool_size=1).connect().close()


def _put(source: Path, target: Path) -> None:
    """Replace `target` in one step, as certificate tools do."""
    fresh = target.with_suffix(".new")
    fresh.write_bytes(source.read_bytes())
    fresh.replace(target)


async def test_a_client_certificate_renewed_on_disk_is_used(stores: Stores, tmp_path: Path) -> None:
    """A client certificate that is replaced on disk is used by the next connection of the same client, without a
    restart."""
    own, key = tmp_path / "own.pem", tmp_path / "own.key"
    for made, kept in zip(stores.stranger.issue("client-of-a-stranger"), (own, key), strict=True):
        _put(made, kept)
    options = f"{stores.redis.options}&ssl_certfile={own}&ssl_keyfile={key}"
    client = connect(f"rediss://{stores.redis.address}?{options}", PATIENT_REDIS)
    try:
        with pytest.raises(RedisError):
            await client.ping()
        for made, kept in zip(stores.authority.issue("renewed"), (own, key), strict=True):
            _put(made, kept)
        assert await client.ping()
    finally:
        await client.aclose()


def test_an_authority_replaced_on_disk_is_used(stores: Stores, tmp_path: Path) -> None:
    """An authority that is replaced on disk is used by the next connection of the same engine, and the previous
    authority is no longer trusted."""
    authority = tmp_path / "ca.pem"
    _put(stores.stranger.certificate, authority)
    engine = make_engine(f"{stores.database.dsn}?ssl_ca={authority}", PATIENT_DATABASE, pool_size=1)
    try:
        for believed, works in ((None, False), (stores.authority, True), (stores.stranger, False)):
            if believed:
                _put(believed.certificate, authority)
            engine.dispose()
            with contextlib.nullcontext() if works else pytest.raises(sa.exc.OperationalError, match="certificate"):
                engine.connect().close()
    finally:
        engine.dispose()


class Listener:
    """Listens in place of a server, sends an optional greeting, and records all bytes of each connection."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.came: list[bytearray] = []
        self._greeting = greeting
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop accepting connections."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                noted = bytearray()
                self.came.append(noted)
                threading.Thread(target=self._note, args=(connection, noted), daemon=True).start()

    def _note(self, connection: socket.socket, noted: bytearray) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.sendall(self._greeting)
            while some := connection.recv(65536):
                noted += some


_CLIENT_HELLO = b"\x16\x03"


def test_nothing_goes_to_a_queue_in_clear(tmp_path: Path) -> None:
    """With TLS configured, every connection of every service to the queue begins with a TLS handshake, and no password
    is sent in clear."""
    listeners = {name: Listener() for name in ("api", "writer", "dlq_admin", "external_proxy")}
    dsn = "mysql://nobody:nothing@127.0.0.1:1/none"
    services = []
    for name, listener in listeners.items():
        queue = f"rediss://{name}:{_SECRET}@127.0.0.1:{listener.port}"
        services += [
            each for each in _all(tmp_path, queue, dsn) if each.log.name.startswith(f"holdfast.services.{name}")
        ]
    try:
        with _running(*services):
            for name, listener in listeners.items():
                wait_until(lambda it=listener: sum(map(bool, it.came)) >= 3, what=f"{name} has tried")  # type: ignore[misc]
    finally:
        for listener in listeners.values():
            listener.close()
    for listener in listeners.values():
        for came in filter(None, listener.came):
            assert came.startswith(_CLIENT_HELLO)
            assert _SECRET.encode() not in came


def _greeting(*, tls: bool) -> bytes:
    """Return a server's first packet of protocol 10."""
    flags = 0x000F_F7FF | (0x0800 if tls else 0)
    payload = (
        b"\x0a" + b"8.4.0\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<H", flags & 0xFFFF) + b"\x2d"
        + struct.pack("<H", 2) + struct.pack("<H", flags >> 16) + b"\x15" + b"\0" * 10 + b"123456789012\0"
        + b"mysql_native_password\0"
    )  # fmt: skip
    return struct.pack("<I", len(payload))[:3] + b"\0" + payload


@pytest.mark.parametrize("server_has_tls", [True, False])
@pytest.mark.parametrize("options", ["tls=true", "tls=skip-verify", "ssl_verify_cert=true", "ssl-mode=REQUIRED"])
def test_nothing_goes_to_a_database_in_clear(server_has_tls: bool, options: str) -> None:
    """A database server without TLS receives nothing; one with TLS receives a request for TLS, which contains no user
    name, before the handshake."""
    listener = Listener(_greeting(tls=server_has_tls))
    engine = make_engine(
        f"mysql://somebody:{_SECRET}@127.0.0.1:{listener.port}/db?{options}",
        Timeouts(checkout_s=1, connect_s=1, io_s=1, lock_wait_s=1), pool_size=1,
    )  # fmt: skip
    with pytest.raises((sa.exc.OperationalError, pymysql.err.Error, OSError)):
        engine.connect()
    if server_has_tls:
        wait_until(lambda: len(listener.came[0]) > 36, what="what came is noted")
    listener.close()
    (came,) = listener.came
    assert b"somebody" not in came
    if server_has_tls:
        assert came[36:].startswith(_CLIENT_HELLO)
    else:
        assert not came


def test_what_is_not_understood_stops_the_start() -> None:
    """Every service refuses to start with an unknown TLS option and names the option, without the password."""
    environment = {
        "PATH": "/usr/bin", "HOLDFAST_PROFILE": "demo", "DB_DSN": f"mysql://u:{_SECRET}@127.0.0.1/db",
        "REDIS_ADDR": f"rediss://u:{_SECRET}@127.0.0.1:{free_port()}?ssl_ca_cert=/one/letter/is/missing",
    }  # fmt: skip
    for service in ("api", "writer", "dlq_admin", "external_proxy"):
        done = Warm.of(processes.IMPORTED).run(f"holdfast.services.{service}", [], environment, START_DEADLINE_S)
        output = done.stdout + done.stderr
        assert done.returncode != 0
        assert "ssl_ca_cert" in output
        assert _SECRET not in output
