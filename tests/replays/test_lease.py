"""One driver at a time: a process that has lost its lease can change nothing any more, and another one finds what it
left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from holdfast.shared.errors import CountMismatch, ReplayNotNow
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.find import groups
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.replays import create, lease, read, results, sending, steer
from holdfast.shared.letters.replays.lease import LeaseLost
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState
from holdfast.shared.letters.replays.results import Result
from holdfast.shared.letters.replays.sending import Sent
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, make_engine
from tests.letters import letter
from tests.servers import PATIENT_DATABASE, Database

ANN = Actor("ann", "operate", "because", "req_12345678")
DEAD = Selection(matching=Filter(state=State.DEAD))


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine like dlq_admin's."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=4)
    yield made
    made.dispose()


@pytest.fixture
def replay_id(engine: Engine) -> int:
    """The id of a replay of ten letters."""
    index.index(engine, [letter(n) for n in range(10)])
    made = create.create(engine, DEAD, Plan(), ANN, expected=10, most=100, rules=Rules(100, 60))
    assert made.replay_id is not None
    return made.replay_id


def test_the_set_is_frozen(engine: Engine, replay_id: int) -> None:
    """A letter that dies later is not part of the replay, and no other change may take a letter that is."""
    index.index(engine, [letter(99)])
    assert change.look(engine, DEAD, {State.DEAD}, most=100).numbers == [letter(99).number]
    assert len(read.item_page(engine, replay_id, [], after=None, limit=100)) == 10
    with pytest.raises(CountMismatch):
        change.discard(engine, Selection(numbers=(letter(1).number,)), ANN, expected=1, most=10)


def test_only_one_holds_it(engine: Engine, replay_id: int) -> None:
    """One driver holds a replay until its lease lapses, and the token of its successor shuts it out. A process that
    succeeds itself need not wait."""
    [first] = lease.take(engine, "a/1", 600, most=4)
    assert lease.take(engine, "b/1", 600, most=4) == []
    sending.step(engine, first, [], 2)
    with engine.begin() as connection:  # makes the lease lapse
        connection.execute(sa.text("UPDATE replays SET lease_until = lease_until - INTERVAL 601 SECOND"))
    [second] = lease.take(engine, "b/1", 600, most=4)
    assert second.token == first.token + 1
    for late in (
        lambda: sending.step(engine, first, [], 1),
        lambda: results.settle(engine, first, []),
        lambda: results.end(engine, first),
        lambda: results.stop(engine, first, "x"),
    ):
        with pytest.raises(LeaseLost):
            late()
    left = sending.in_state(engine, second, ItemState.SENDING, 10)
    assert [one.position for one in left] == [0, 1]
    assert lease.take(engine, "b/2", 600, most=4) == []
    [third] = lease.take(engine, "b/2", 600, most=4, predecessor="b/")
    lease.release(engine, third)
    assert len(lease.take(engine, "c/1", 600, most=4)) == 1


def test_every_move_is_counted_once(engine: Engine, replay_id: int) -> None:
    """An item that is reported twice is counted once as sent and once as over, groups and letters follow, and the
    replay ends when no item is left."""
    [mine] = lease.take(engine, "a/1", 600, most=4)
    replay, chosen = sending.step(engine, mine, [], 4)
    assert replay.counts == {ItemState.WAITING: 6, ItemState.SENDING: 4}
    sent = [Sent(one.position, one.letter.number, "o", f"5-{one.position}") for one in chosen[:3]]
    unsent = Sent(chosen[3].position, chosen[3].letter.number, None, None)
    for _ in range(2):
        replay, _ = sending.step(engine, mine, [*sent, unsent], 0)
    assert (replay.counts[ItemState.SENT], replay.counts[ItemState.WAITING], replay.counts.sent) == (3, 7, 3)
    over = [Result(one.position, one.letter, ItemState.APPLIED, {"entity_version": 1}) for one in sent]
    assert [results.settle(engine, mine, over)[1] for _ in range(2)] == [3, 0]
    replay, _ = sending.step(engine, mine, sent, 0)
    assert (replay.counts[ItemState.APPLIED], replay.counts[ItemState.SENT]) == (3, 0), "what is over stays so"
    totals = groups.totals(engine)
    assert (totals["applied"], totals["replaying"], totals["dead"]) == (3, 7, 0)
    assert results.end(engine, mine) is None
    steer.steer(engine, replay_id, "cancel", ANN, dry_run=False)
    assert sending.step(engine, mine, [], 5)[1] == [], "nothing more is chosen"
    rest = read.item_page(engine, replay_id, [ItemState.WAITING], after=None, limit=100)
    results.settle(engine, mine, [Result(one.position, one.letter, ItemState.WITHDRAWN) for one in rest])
    ended = results.end(engine, mine)
    assert ended is not None
    kept = read.replay(engine, replay_id)
    assert kept is not None
    assert kept.state is ReplayState.CANCELLED
    totals = groups.totals(engine)
    assert (totals["applied"], totals["replaying"], totals["dead"]) == (3, 0, 7)
    with pytest.raises(ReplayNotNow):
        steer.steer(engine, replay_id, "resume", ANN, dry_run=False)
    assert lease.take(engine, "b/1", 600, most=4) == []


def test_waiting_for_a_person_takes_no_driver_and_lapses(engine: Engine, replay_id: int) -> None:
    """A paused replay with nothing in flight has no driver. After a long time it is cancelled, and a driver may take it
    to make its letters dead again."""
    steer.steer(engine, replay_id, "pause", ANN, dry_run=False)
    assert lease.take(engine, "a/1", 600, most=4) == []
    now = datetime.now(UTC)
    assert steer.lapse(engine, now - timedelta(days=1)) == []
    assert steer.lapse(engine, now + timedelta(days=1)) == [replay_id]
    kept = read.replay(engine, replay_id)
    assert kept is not None
    assert kept.state is ReplayState.CANCELLING
    assert len(lease.take(engine, "a/1", 600, most=4)) == 1
    assert "cancel" in [entry.action for entry in audit.page(engine, before=None, limit=5)]
