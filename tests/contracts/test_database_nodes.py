"""Sessions at a database node that is behind, and at one that has lost its quorum: the model, and Galera."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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
_IN_STEP, _OUT_OF_STEP = "SET SESSION wsrep_sync_wait=7", "SET SESSION wsrep_sync_wait=0"


class _Nodes(NamedTuple):
    """Two nodes of a database. `connect(0)` and `connect(1)` give a session at one of them, in step with all. While
    `without_quorum`, both lack it; while `behind`, the second node has nothing that the first commits."""

    connect: Callable[[int], Any]
    without_quorum: Callable[[], AbstractContextManager[None]]
    behind: Callable[[], AbstractContextManager[None]]


def _model() -> Iterator[_Nodes]:
    server = DatabaseModel(time.time, Random(1), Threaded())
    server.galera = True

    def connect(node: int) -> Any:
        while (session := server.connect(init_command=_IN_STEP)).number % 2 != node:
            session.close()
        return session

    @contextmanager
    def without_quorum() -> Iterator[None]:
        server.faults.no_quorum = True
        yield
        server.faults.no_quorum = False

    @contextmanager
    def behind() -> Iterator[None]:
        server.faults.behind_s = 1.0
        yield
        server.faults.behind_s = 0.0

    yield _Nodes(connect, without_quorum, behind)


def _galera() -> Iterator[_Nodes]:
    with running_galera() as galera:
        node, late, _ = galera.nodes

        @contextmanager
        def without_quorum() -> Iterator[None]:
            for other in galera.nodes[1:]:
                other.freeze()
            wait_until(lambda: node.status("wsrep_ready") == "OFF", what="the quorum is lost")
            yield
            for other in galera.nodes[1:]:
                other.thaw()
            galera.wait_until_whole()

        yield _Nodes(lambda number: galera.nodes[number].connect(), without_quorum, late.held_back)


@pytest.fixture(scope="module", params=[_model, pytest.param(_galera, marks=pytest.mark.long)], ids=["model", "galera"])
def nodes(request: pytest.FixtureRequest) -> Iterator[_Nodes]:
    """Nodes under contract, with the tables of a migrated database."""
    with contextmanager(request.param)() as made:
        yield made


def _run(session: Any, statement: str) -> int:
    """Return 0, or the number of the error."""
    try:
        with session.cursor() as cursor:
            cursor.execute(statement)
    except pymysql.err.MySQLError as failed:
        return int(failed.args[0])
    return 0


def _rows(session: Any) -> int:
    with session.cursor() as cursor:
        cursor.execute(_SHOW)
        return len(cursor.fetchall())


def test_a_node_that_is_behind(nodes: _Nodes) -> None:
    """At a node that is behind, a session that does not wait reads old data; a session in step waits, and reads what
    has been committed."""
    first, careless, in_step = nodes.connect(0), nodes.connect(1), nodes.connect(1)
    assert _run(careless, _OUT_OF_STEP) == 0
    for session in (first, careless, in_step):
        session.autocommit(True)
    found: list[int] = []
    reading = threading.Thread(target=lambda: found.append(_rows(in_step)))
    with nodes.behind():
        assert _run(first, _ADD) == 0
        assert [_rows(first), _rows(careless)] == [1, 0]
        reading.start()
    reading.join(60)
    assert found == [1]
    assert _run(first, "DELETE FROM released_values") == 0
    for session in (first, careless, in_step):
        session.close()


def test_a_node_without_quorum(nodes: _Nodes) -> None:
    """A node without quorum accepts connections and settings and refuses everything else, including a commit, which
    then has no effect."""
    busy, idle = nodes.connect(0), nodes.connect(0)
    for session in (busy, idle):
        session.autocommit(False)
    assert _run(busy, _ADD) == 0
    with nodes.without_quorum():
        refused = (_SHOW, _ADD, "UPDATE released_values SET version = 2", "BEGIN", "ROLLBACK", "COMMIT", "SAVEPOINT a")
        assert {statement: _run(idle, statement) for statement in refused} == dict.fromkeys(refused, 1047)
        assert [_run(busy, statement) for statement in (_SHOW, "COMMIT")] == [1047, 1047]
        for session in (idle, nodes.connect(0)):
            assert _run(session, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED") == 0
            assert _run(session, "SELECT @@read_only") == 1205
        busy.close()
    assert _rows(nodes.connect(0)) == 0
