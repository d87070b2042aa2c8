"""A queue of two nodes with Sentinel: its primary is killed, and switched on purpose. No acknowledged write is lost."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.shared.queue.names import WRITES
from tests import processes
from tests.conftest import empty
from tests.failover.group import Group, running_group
from tests.failover.writes import Record, writing
from tests.processes import Service
from tests.servers import Database, wait_until

_SETTINGS = {
    "HOLDFAST_QUEUE_REPLICAS": "1",
    "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5",
    "HOLDFAST_API_BREAKER_OPEN_S": "0.3",
}


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """Two nodes for all tests of this module: each test leaves both running, with either as primary."""
    with running_group(tmp_path_factory.mktemp("group")) as group:
        yield group


@pytest.fixture
def start(group: Group, own_database: Database, tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """A function that starts a service on the group; all services end with the test."""
    with ExitStack() as stack:
        more = {"api": processes.HASTY_API | _SETTINGS, "writer": processes.QUICK, "dlq_admin": {}}

        def start(service: str) -> Service:
            make = getattr(processes, service)
            stores = {"REDIS_ADDR": group.address(service)}
            started: Service = make(tmp_path, "", own_database.dsn, **more[service], **stores).start()
            stack.callback(started.kill)
            return started

        yield start


def _drain(group: Group) -> None:
    def over() -> bool:
        with group.primary().client() as client:
            return bool(client.xlen(WRITES) == 0)

    wait_until(over, what="all is settled")


def test_its_primary_is_killed(group: Group, own_database: Database, start: Callable[[str], Service]) -> None:
    """When the primary is killed while its replica is behind and no writer runs, no acknowledged write is lost, and no
    service has to be restarted."""
    api, record = start("api"), Record()
    group.delay(25)
    before = group.primary()
    with writing(api, record):
        record.wait_for(10, 202)
        before.kill()
        group.wait_until_moved(before)
        record.wait_for(10)
        group.rejoin(before)
        group.wait_until_whole()
        record.wait_for(10, 202)
    start("writer")
    _drain(group)
    assert record.lost(own_database) == set()
    empty(own_database)


def test_its_primary_moves_as_planned(group: Group, own_database: Database, start: Callable[[str], Service]) -> None:
    """After a planned failover under writes with a running writer, every acknowledged write, from before and after, is
    applied."""
    api, record = start("api"), Record()
    start("writer")
    with writing(api, record):
        record.wait_for(10, 202)
        group.fail_over()
        group.wait_until_whole()
        record.wait_for(10, 202)
    _drain(group)
    assert record.lost(own_database) == set()
