"""Least privilege, checked on real servers: what the tables grant works, and everything else is refused."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.privileges import database as privileges
from deploy.privileges import redis as redis_privileges
from deploy.privileges.services import SERVICES, Service
from holdfast.shared.connections.script import text_of
from holdfast.shared.queue.names import AUDIT, CLOCK, DEAD, LEDGER, LUA, OPERATION, WRITES
from holdfast.shared.queue.partitions import mended
from holdfast.shared.writes.versions import to_stream_id
from tests.conftest import migrate
from tests.servers import PASSWORD, Database, RedisServer
from tests.users import EMAILS, PENDING

_DENIED = (1044, 1045, 1142, 1143, 1227)
_WITH_TABLES = [service for service in SERVICES if privileges.TABLES[service]]
_ID = str(uuid.UUID(int=1))
_QUEUE_KEYS = (WRITES, DEAD, CLOCK, EMAILS, LEDGER, AUDIT, f"{PENDING}{_ID}", f"{OPERATION}1")


def _may(connection: "pymysql.Connection[pymysql.cursors.Cursor]", statement: str) -> bool:
    """Return whether the server permits the statement; its effect is rolled back."""
    with connection.cursor() as cursor:
        try:
            cursor.execute("START TRANSACTION")
            cursor.execute(statement)
        except pymysql.err.MySQLError as error:
            if error.args[0] in _DENIED:
                return False
        finally:
            connection.rollback()
    return True


@pytest.fixture
def tables(clean_database: Database) -> dict[str, str]:
    """Every table that the migrations create, with one of its columns."""
    query = "SELECT table_name, MIN(column_name) FROM information_schema.columns WHERE table_schema = 'holdfast'"
    with clean_database.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute(f"{query} GROUP BY table_name")
        return {name: column for name, column in cursor.fetchall() if name not in ("alembic_version", "migration_lock")}


def _statements(table: str, column: str) -> dict[privileges.Right, str]:
    return {
        "SELECT": f"SELECT 1 FROM {table} LIMIT 1",
        "INSERT": f"INSERT INTO {table} ({column}) SELECT 1 FROM dual WHERE 1 = 0",
        "UPDATE": f"UPDATE {table} SET {column} = {column} WHERE 1 = 0",
        "DELETE": f"DELETE FROM {table} WHERE 1 = 0",
    }


def test_every_table_has_its_users(tables: dict[str, str]) -> None:
    """The tables in deploy/privileges/database.py are exactly those that the migrations create, so a table that is
    added or removed is noticed."""
    assert {table for service in SERVICES for table in privileges.tables_of(service, ["users"])} == set(tables)


@pytest.mark.parametrize("service", _WITH_TABLES)
def test_a_database_user_may_do_what_the_table_says(
    clean_database: Database, tables: dict[str, str], service: Service
) -> None:
    """On each table a service's database user has exactly the granted rights, and none on the server, the schema or
    other schemas."""
    with clean_database.connect(user=f"holdfast_{service}") as connection:
        for table, column in tables.items():
            wanted = privileges.tables_of(service, ["users"]).get(table, frozenset())
            found = {right for right, statement in _statements(table, column).items() if _may(connection, statement)}
            assert found == wanted, table
        for statement in (
            "TRUNCATE TABLE users", "DROP TABLE users", "CREATE TABLE mine (id INT)", "ALTER TABLE users ADD mine INT",
            "CREATE USER stranger", "GRANT SELECT ON holdfast.users TO 'holdfast_watcher'@'127.0.0.%'",
            "SELECT 1 FROM mysql.user", "SET GLOBAL max_connections = 1", "SELECT 1 FROM alembic_version",
        ):  # fmt: skip
            assert not _may(connection, statement), statement


def test_the_watcher_sees_no_row(clean_database: Database, tables: dict[str, str]) -> None:
    """The watcher may read the server's counters and no table."""
    with clean_database.connect(user="holdfast_watcher", database=None) as connection:
        assert _may(connection, "SHOW GLOBAL STATUS")
        assert not any(_may(connection, f"SELECT 1 FROM holdfast.{table} LIMIT 1") for table in tables)


def test_migrating_again_takes_back_what_nobody_should_have(clean_database: Database) -> None:
    """A migration revokes rights that were granted by hand or by an earlier release."""
    everything = "GRANT ALL ON holdfast.audit_log TO 'holdfast_api'@'127.0.0.%', 'holdfast_dlq_admin'@'127.0.0.%'"
    with clean_database.connect(user="root") as root, root.cursor() as cursor:
        cursor.execute(everything)
    migrate(clean_database.dsn)
    for service, wanted in (("api", set()), ("dlq_admin", {"SELECT", "INSERT"})):
        with clean_database.connect(user=f"holdfast_{service}") as connection:
            found = {
                right for right, statement in _statements("audit_log", "actor").items() if _may(connection, statement)
            }
            assert found == wanted


class Production(RedisServer):
    """A queue with exactly the users that a deployment gets."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        users = folder / "users.acl"
        users.write_text(redis_privileges.acl(dict.fromkeys(redis_privileges.NAMES, PASSWORD), "queue"))

    def client(self, user: str = redis_privileges.OPERATOR, password: str | None = PASSWORD) -> redis.Redis:
        """Return a client with this user's login, or an anonymous client without a password."""
        login = {"username": user, "password": password} if password else {}
        return redis.Redis(
            port=self.port, socket_timeout=5, driver_info=None, protocol=2, retry=Retry(NoBackoff(), 0), **login
        )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """A running server with the users of a deployment."""
    server = Production(tmp_path_factory.mktemp("queue"))
    server.start()
    yield server
    server.kill()


_ENTRY = ("schema", "1", "command", "CreateUser")
#: Commands that add a forged entry to the stream, or that replace the stream or its server's data.
_FORGERIES: list[tuple[str, ...]] = [
    ("XADD", WRITES, "*", *_ENTRY),
    ("EVAL", "return redis.call('XADD', KEYS[1], '*', 'schema', '1')", "1", WRITES),
    ("EVAL", "return redis.call('XADD', ARGV[1], '*', 'schema', '1')", "0", WRITES),
    ("SET", WRITES, "x"), ("RENAME", "mine", WRITES), ("COPY", "mine", WRITES), ("RESTORE", WRITES, "0", "x"),
    ("XSETID", WRITES, "1-1"), ("DEL", WRITES), ("FLUSHALL",), ("XTRIM", WRITES, "MAXLEN", "0"),
    ("REPLICAOF", "127.0.0.1", "1"), ("CONFIG", "SET", "requirepass", ""), ("ACL", "SETUSER", "default", "on"),
    ("SCRIPT", "FLUSH"), ("MIGRATE", "127.0.0.1", "1", WRITES, "0", "1"),
    ("XGROUP", "SETID", WRITES, "writers", "$"), ("XGROUP", "DESTROY", WRITES, "writers"),
]  # fmt: skip


def _refused(client: redis.Redis, command: tuple[str, ...]) -> bool:
    try:
        client.execute_command(*command)
    except redis.exceptions.AuthenticationError:
        return True
    except redis.exceptions.ResponseError as error:
        return any(words in str(error) for words in ("permissions", "The user executing the script"))
    return False


@pytest.mark.parametrize("user", ["", "default", "writer", "external_proxy", "watcher"])
def test_a_stranger_cannot_put_a_write_on_the_stream(queue: Production, user: str) -> None:
    """Neither an anonymous client nor a service that does not write to the stream can change the stream, by any command
    or script."""
    with queue.client() as operator, queue.client(user, PASSWORD if user not in ("", "default") else None) as client:
        before = operator.xadd(WRITES, {"schema": "1"})
        for command in _FORGERIES:
            assert _refused(client, command), command
        assert operator.xinfo_stream(WRITES)["last-generated-id"] == before  # type: ignore[index, call-overload]


@pytest.mark.parametrize("user", ["api", "writer", "dlq_admin", "external_proxy", "watcher"])
def test_nobody_rules_the_server(queue: Production, user: str) -> None:
    """No service may change the server's configuration or users, or read or replace all of its data."""
    with queue.client(user) as client:
        for command in _FORGERIES[3:]:
            assert _refused(client, command), command
        for command in (("KEYS", "*"), ("SCAN", "0"), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("MONITOR",)):
            assert _refused(client, command), command


def test_dlq_admin_ends_the_ids_of_before(queue: Production) -> None:
    """dlq_admin's script may raise the last id of the write stream, whether the stream exists or not, although
    dlq_admin may not do so with plain commands."""
    with queue.client("dlq_admin") as client, queue.client() as operator:
        operator.flushall()
        for floor in (4 * 10**15, 4 * 10**15 + 1):
            client.eval(text_of(LUA / "floor.lua"), 3, CLOCK, WRITES, mended(WRITES), floor, 0)
            assert operator.xinfo_stream(WRITES)["last-generated-id"] == to_stream_id(floor).encode()  # type: ignore[index, call-overload]


def test_the_external_proxy_reaches_its_own_keys_only(queue: Production) -> None:
    """The external_proxy reads and writes its configuration and has access to no key of the queue."""
    with queue.client("external_proxy") as client:
        assert client.set("{holdfast}:external_proxy:config", "x")
        assert client.get("{holdfast}:external_proxy:config") == b"x"
        for key in (*_QUEUE_KEYS, "holdfast:fleet:orders", "anything"):
            for command in ("GET", "SET", "DEL", "HGETALL", "XRANGE", "XADD", "TYPE", "DUMP", "EVAL"):
                more = {"SET": ("x",), "XRANGE": ("-", "+"), "XADD": ("*", "a", "b")}.get(command, ())
                call = ("EVAL", "return 1", "1", key) if command == "EVAL" else (command, key, *more)
                assert _refused(client, call), call
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.publish("{holdfast}:notify:api-1", "x")


def test_a_restart_loses_nothing(queue: Production) -> None:
    """After a restart, the data that scripts, transactions and plain commands have written is restored in full, because
    the user as which Redis loads its file may run these commands."""
    script = "redis.call('HSET', KEYS[2], 'a', 'b') return redis.call('XADD', KEYS[1], '*', 'schema', '1')"
    with queue.client("api") as api, queue.client() as operator:
        operator.flushall()
        api.eval(script, 2, WRITES, f"{PENDING}{_ID}")
        with api.pipeline(transaction=True) as transaction:
            transaction.xadd(WRITES, {"schema": "1"}).set(CLOCK, "1").execute()
        api.xadd(WRITES, {"schema": "1"})
        before = operator.xrange(WRITES)
    queue.kill()
    queue.start()
    with queue.client() as operator:
        assert len(before) == 3  # type: ignore[arg-type]
        assert operator.xrange(WRITES) == before
        assert operator.exists(CLOCK, f"{PENDING}{_ID}") == 2
        assert operator.acl_log() == []


def test_a_wrong_password_is_refused(queue: Production) -> None:
    """A wrong password and an unknown user are refused."""
    for user, password in (("api", "guess"), ("nobody", PASSWORD), ("default", "guess")):
        with queue.client(user, password) as client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()
