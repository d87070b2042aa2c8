"""Poison needs evidence: no entry is dead-lettered for a fault of the database, whatever it is; and an entry that fails
on its own is found among its neighbours, whatever the error is."""

import random
import time

import pytest

from holdfast.services.api.candidate import Candidate
from holdfast.shared.writes.commands import HEARTBEAT_ID, Heartbeat, heartbeat_id
from tests.client import fetch
from tests.database_faults import KNOWN, DatabaseFault, any_number, refusing
from tests.integration.conftest import StartWriter
from tests.integration.test_writer_outages import assert_nobody_paid, holds
from tests.processes import Service
from tests.servers import Database, wait_until
from tests.stream import Stream, change, new_user


def heartbeat() -> Candidate:
    """Return a heartbeat like one of an api."""
    return Candidate(heartbeat_id(time.time()), HEARTBEAT_ID, Heartbeat())


def reasons(writer: Service) -> int:
    """Return how often the writer has logged why a control write failed."""
    return writer.log.read_text().count('"action": "control_write_failed"')


def some_faults() -> list[DatabaseFault]:
    """Return some known faults at random, and triggers that refuse every row with a random error number, with one about
    data and with one of a full disk. `test_control_write.py` covers all faults."""
    full = random.choice([1021, 1114])
    return [*random.sample(KNOWN, 3), refusing("users", any_number()), refusing("operations", 1406),
            refusing("users", full)]  # fmt: skip


def test_no_fault_of_the_database_is_charged_to_an_entry(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """Through several faults one writer holds creates, changes and heartbeats, charges no attempt, and applies all of
    them when the fault has ended."""
    writer = start_writer()
    for fault in some_faults():
        known = new_user()
        stream.accept([known])
        stream.wait_for_end([known])
        failed = reasons(writer)
        with fault.on(own_database):
            writes = [*(new_user() for _ in range(30)), change(known.entity_id, name="changed"), heartbeat()]
            stream.accept(writes)
            wait_until(lambda failed=failed: reasons(writer) > failed, what=f"{fault.name}: it holds and says why")
            stream.accept([new_user(), heartbeat()])
            assert holds(writer), fault.name
            assert_nobody_paid(stream)
        stream.wait_for_end(writes)
        assert_nobody_paid(stream)
    assert writer.ready()


@pytest.mark.parametrize("number", [any_number(), 1290], ids=["any", "outage"])
def test_one_entry_that_is_refused_alone(
    stream: Stream, start_writer: StartWriter, own_database: Database, number: int
) -> None:
    """An entry that alone is refused becomes a dead letter even if the error's number means an outage, and its
    neighbours are applied."""
    neighbours, unlucky = [new_user() for _ in range(12)], new_user("Unlucky")
    with refusing("users", number, "NEW.name = 'Unlucky'").on(own_database):
        stream.accept([*neighbours[:5], unlucky, *neighbours[5:]])
        start_writer()
        stream.wait_for_end(neighbours)
    [letter] = stream.dead()
    assert letter[b"reason"] in (b"attempts_exhausted", b"invalid_data")
    assert letter[b"original.operation_id"] == unlucky.operation_id.encode()


def test_a_database_that_refuses_is_shown_as_that(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """When a right is missing, the writer's health and metrics show that the database answers and with which error. No
    attempt is charged, and all writes are applied when the right is back."""
    writer = start_writer()
    [fault] = [each for each in KNOWN if each.name == "no right to insert"]
    writes = [new_user() for _ in range(5)]
    with fault.on(own_database):
        stream.accept(writes)

        def says() -> str:
            return str(fetch("GET", f"{writer.url}/health").json()["data"]["checks"]["database"]["detail"])

        wait_until(lambda: "it answers, and refuses" in says(), what="it says so")
        assert "1142" in says()
        counted = 'holdfast_loop_failures_total{kind="refused",loop="database_probe"}'
        assert writer.metric(counted) > 0
        assert_nobody_paid(stream)
    stream.wait_for_end(writes)
    assert_nobody_paid(stream)
