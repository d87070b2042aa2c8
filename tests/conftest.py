"""Fixtures: the servers are started once and emptied between tests; a test that breaks a server uses one of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.after_failure import pytest_fixture_setup as pytest_fixture_setup
from tests.after_failure import pytest_pyfunc_call as pytest_pyfunc_call
from tests.garbage import pytest_collection as pytest_collection
from tests.garbage import pytest_runtest_setup as pytest_runtest_setup
from tests.garbage import pytest_runtest_teardown as pytest_runtest_teardown
from tests.processes import login_of
from tests.repeat import pytest_addoption as pytest_addoption
from tests.repeat import pytest_generate_tests as pytest_generate_tests
from tests.schedule import pytest_collection_finish as pytest_collection_finish
from tests.schedule import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler
from tests.schedule import pytest_xdist_setupnodes as pytest_xdist_setupnodes
from tests.servers import START_DEADLINE_S, Database, RedisServer
from tests.warm import Warm

ROOT = Path(__file__).parent.parent

# Tracebacks as Python prints them. Where `rich` is installed, structlog prints every local variable in colour, which
# takes a second on a busy machine.
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

_TABLES = (
    "users", "operations", "operation_totals", "queue_epochs", "direct_keys", "deleted_entities", "released_values",
    "dead_letters", "dead_letter_bodies",
    "dead_letter_groups", "dead_letter_builds", "dead_letter_trend", "dead_letter_notes", "dead_letter_dues",
    "dead_letter_edits", "dead_letter_transforms", "replays", "replay_items", "audit_log", "audit_letters",
    "dead_letter_actors", "audit_seals",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Load the patient profile of Hypothesis, if it is installed: the environment of tests/grafana has none."""
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from tests import patient

        patient.unless_asked_otherwise()


#: The modules that Alembic and its entry point, deploy/migrations/env.py, import.
MIGRATE = "alembic.command alembic.config holdfast.migrations.declared holdfast.shared.store.engine"


def migrate(dsn: str, to: str = "head", how: str = "upgrade", **environment: str) -> None:
    """Bring the schema up to date, or to revision `to`, as a deployment does."""
    arguments = ["-c", "deploy/migrations/alembic.ini", how, to]
    variables = os.environ | {"DB_DSN": login_of("migrate", dsn)} | environment
    done = Warm.of(MIGRATE).run("alembic", arguments, variables, START_DEADLINE_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that all tests share. It writes each command before the answer, without a sync to disk: only a crash of
    the machine would show the difference."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), "--appendfsync", "no")
    server.start()
    yield server
    refused = server.refused()
    server.kill()
    assert not refused, "a service lacks a right in deploy/privileges/redis.py"


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database that all tests share. Like `redis_server`, it writes each commit without a sync to disk."""
    server = Database(tmp_path_factory.mktemp("database"), "--innodb-flush-log-at-trx-commit=2")
    server.start()
    migrate(server.dsn)
    yield server
    server.kill()


@pytest.fixture
def clean_redis(redis_server: RedisServer) -> RedisServer:
    """The shared Redis, emptied."""
    with redis_server.client() as client:
        client.flushall()
    return redis_server


def empty(database: Database) -> None:
    """Delete every row of the tables that services write."""
    with database.connect() as connection, connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table}")


@pytest.fixture
def clean_database(database: Database) -> Database:
    """The shared database, emptied."""
    empty(database)
    return database


@pytest.fixture(scope="session")
def _own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("own-redis"))
    yield server
    refused = server.refused() if server.running else []
    server.kill()
    assert not refused, "a service lacks a right in deploy/privileges/redis.py"


@pytest.fixture(scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("own-cache"), "--appendonly", "no")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def _own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    server = Database(tmp_path_factory.mktemp("own-database"))
    server.start()
    migrate(server.dsn)
    yield server
    server.kill()


@pytest.fixture
def own_redis(_own_redis: RedisServer) -> RedisServer:
    """A Redis that the test may kill, freeze and flush; running and empty at first."""
    _own_redis.thaw()
    if not _own_redis.running:
        _own_redis.start()
    with _own_redis.client() as client:
        client.flushall()
    return _own_redis


@pytest.fixture
def own_cache(_own_cache: RedisServer) -> RedisServer:
    """A cache, which does not persist, that the test may kill and freeze; running and empty at first."""
    _own_cache.thaw()
    if not _own_cache.running:
        _own_cache.start()
    with _own_cache.client() as client:
        client.flushall()
    return _own_cache


@pytest.fixture
def own_database(_own_database: Database) -> Database:
    """A database that the test may kill, freeze and alter (it has to restore what it alters); empty at first."""
    _own_database.thaw()
    if not _own_database.running:
        _own_database.start()
    empty(_own_database)
    return _own_database
