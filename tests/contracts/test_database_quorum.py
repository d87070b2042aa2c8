"""A node of a database cluster that has lost its quorum: what its sessions get. The model, and Galera."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

import pymysql
import pytest

from tests.galera import running_galera
from tests.models.database.waits import Threaded
from tests.models.database_server import DatabaseModel
from tests.servers import wait_until

_ADD = "INSERT INTO released_values (claims, claim_key, entity_id, version) VALUES ('a', 'b', 'c', 1)"
_SHOW = "SELECT claims FROM released_values"


class _Node(NamedTuple):
    """`lose`: its quorum; `regain`: it."""

    connect: Callable[[], Any]
    lose: Callable[[], None]
    regain: Callable[[], None]


def _model() -> Iterator[_Node]:
    server = DatabaseModel(time.time, Random(1), Threaded())
    server.galera = True

    def quorum(lost: bool) -> None:
        server.faults.no_quorum = lost

    yield _Node(
        lambda: server.connect(init_command="SET SESSION wsrep_sync_wait=7"),
        lambda: quorum(True),
        lambda: quorum(False),
    )


def _galera() -> Iterator[_Node]:
    with running_galera() as galera:
        node, *others = galera.nodes

        def lose() -> None:
            for other in others:
                other.freeze()
            wait_until(lambda: node.status("wsrep_ready") == "OFF", what="the quorum is lost")

        def regain() -> None:
            for other in others:
                other.thaw()
            galera.wait_until_whole()

        yield _Node(node.connect, lose, regain)


@pytest.fixture(params=[_model, pytest.param(_galera, marks=pytest.mark.long)], ids=["model", "galera"])
def node(request: pytest.FixtureRequest) -> Iterator[_Node]:
    """A node under contract, with the tables of a migrated database."""
    with contextmanager(request.param)() as made:
        yield made


def _run(session: Any, statement: str) -> int:
    """0, or the number of the error."""
    try:
        with session.cursor() as cursor:
            cursor.execute(statement)
    except pymysql.err.MySQLError as failed:
        return int(failed.args[0])
    return 0


def test_a_node_without_quorum(node: _Node) -> None:
    """It takes connections and settings, and refuses the rest, a commit too, which has no effect."""
    busy, idle = node.connect(), node.connect()
    for session in (busy, idle):
        session.autocommit(False)
    assert _run(busy, _ADD) == 0
    node.lose()
    refused = (_SHOW, _ADD, "UPDATE released_values SET version = 2", "BEGIN", "ROLLBACK", "COMMIT", "SAVEPOINT a")
    assert {statement: _run(idle, statement) for statement in refused} == dict.fromkeys(refused, 1047)
    assert [_run(busy, statement) for statement in (_SHOW, "COMMIT")] == [1047, 1047]
    for session in (idle, node.connect()):
        assert _run(session, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") == 0
        assert _run(session, "SELECT @@read_only") == 1205
    busy.close()
    node.regain()
    with node.connect().cursor() as cursor:
        cursor.execute(_SHOW)
        assert cursor.fetchall() in ((), [])
