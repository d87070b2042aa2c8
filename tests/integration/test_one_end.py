"""An entry is applied, or its operation is given up and it becomes a dead letter, whatever two writers do at once:
never both."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.shared.store.apply import apply
from holdfast.shared.store.deaths import Dying, GivenUp, give_up, too_late
from holdfast.shared.store.engine import Engine, make_engine, reading, transaction
from holdfast.shared.writes.commands import HEARTBEAT_ID, Command, Heartbeat, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Outcome, Reason
from tests.patient import SHARED_FIXTURES
from tests.servers import PATIENT_DATABASE, Database
from tests.users import create_user, delete_user, update_user

_IMPATIENT = replace(PATIENT_DATABASE, lock_wait_s=1)
_USER = "00000000-0000-4000-8000-000000000001"
_COMMANDS: dict[str, Command] = {
    "create": create_user("Ann", "ann@example.com"), "name": update_user(name="Bob"),
    "address": update_user(email="bob@example.com"), "delete": delete_user(), "heartbeat": Heartbeat(),
}  # fmt: skip


@pytest.fixture
def engines(clean_database: Database) -> Iterator[tuple[Engine, Engine]]:
    """The engines of two writers, on an empty database."""
    made = (make_engine(clean_database.dsn, _IMPATIENT, 2), make_engine(clean_database.dsn, _IMPATIENT, 2))
    yield made
    for each in made:
        each.dispose()


#: The step at which a heartbeat commits, after an insert and a check.
_AT_THE_COMMIT = 2


class Interrupted:
    """Calls `happens` before step number `step` of an engine, where a step is a statement or a commit."""

    def __init__(self, engine: Engine, step: int, happens: Callable[[], None]) -> None:
        self._engine = engine
        self._left = step
        self._happens = happens

    @property
    def happened(self) -> bool:
        """Whether the engine reached that step."""
        return self._left < 0

    def _step(self, *_: object) -> None:
        self._left -= 1
        if self._left == -1:
            self._happens()

    def __enter__(self) -> "Interrupted":
        for name in ("before_cursor_execute", "commit"):
            sa.event.listen(self._engine, name, self._step)
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("before_cursor_execute", "commit"):
            sa.event.remove(self._engine, name, self._step)


def _delivery(command: Command, number: int, entity_id: str = _USER, entry_id: str = "") -> Delivery:
    write = Write(str(uuid.uuid4()), entity_id, command, number)
    return Delivery(write, entry_id or f"{number}-0")


def _apply(engine: Engine, *batch: Delivery) -> list[Outcome]:
    return apply(engine, list(batch), lambda _: False, lambda _: None)


def _dying(delivery: Delivery) -> list[Dying]:
    return [Dying(delivery.write.operation_id, delivery.entry_id or "")]


def _ended(database: Database) -> set[str]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id FROM operations")
        rows: Any = cursor.fetchall()
    return {row[0] for row in rows}


def _interrupted_at(
    step: int, engines: tuple[Engine, Engine], database: Database, delivery: Delivery, neighbour: Delivery
) -> bool:
    """Return whether there is such a step. Another writer gives up the entry there, and the neighbour is still
    applied."""
    one, other = engines
    found: list[GivenUp] = []
    with Interrupted(one, step, lambda: found.append(give_up(other, _dying(delivery)))) as interrupted:
        outcome, beside = _apply(one, delivery, neighbour)
    assert isinstance(beside, Applied)
    operation_id, ended = delivery.write.operation_id, _ended(database)
    assert neighbour.write.operation_id in ended
    if not interrupted.happened:
        assert isinstance(outcome, Applied)
        return False
    [known] = found
    if isinstance(outcome, Applied):
        assert operation_id in ended
        assert operation_id in known.unknown or operation_id in known.ended
        assert give_up(other, _dying(delivery)).ended[operation_id].entry_id == delivery.entry_id
    else:
        assert isinstance(outcome, Dead)
        assert operation_id not in ended
        assert give_up(other, _dying(delivery)) == GivenUp()
    return True


@pytest.mark.parametrize("name", _COMMANDS)
def test_whatever_the_moment_it_has_one_end(
    name: str, engines: tuple[Engine, Engine], clean_database: Database
) -> None:
    """An entry that another writer gives up at any step of its transaction is either applied or dead, never both."""
    step, ways = 0, True
    while ways:
        number = 100 * (step + 1)
        user = HEARTBEAT_ID if name == "heartbeat" else str(uuid.uuid4())
        if name not in ("create", "heartbeat"):
            _apply(engines[0], _delivery(create_user("Ann", f"{number}@example.com"), number, user))
        command = _COMMANDS[name]
        if "email" in command.values:
            values = {**command.values, "email": f"{number}b@example.com"}
            command = replace(command, values=values)
        neighbour = _delivery(Heartbeat(), number + 2, HEARTBEAT_ID)
        ways = _interrupted_at(step, engines, clean_database, _delivery(command, number + 1, user), neighbour)
        step += 1
    assert step > 3


def test_a_dead_letter_that_is_sent_again_is_applied(engines: tuple[Engine, Engine], clean_database: Database) -> None:
    """Giving up an operation affects only its entry: a replay's entry with the same operation is applied, and after
    that the first entry is a duplicate."""
    first = _delivery(_COMMANDS["create"], 1)
    assert give_up(engines[0], _dying(first)) == GivenUp()
    [outcome] = _apply(engines[1], first)
    assert isinstance(outcome, Dead)
    assert outcome.reason is Reason.ATTEMPTS_EXHAUSTED
    assert not _ended(clean_database)
    assert _apply(engines[1], first._replace(entry_id="2-0")) == [Applied(1)]
    assert _apply(engines[0], first) == [Duplicate(False, Applied(1))]
    assert give_up(engines[0], _dying(first)).ended[first.write.operation_id].entry_id == "2-0"


def test_each_of_many_is_found_out_about(engines: tuple[Engine, Engine]) -> None:
    """Of nine entries, `give_up` reports the committed ones as ended and the one in a transaction as unknown, and gives
    up the others."""
    one, other = engines
    batch = [_delivery(Heartbeat(), number, HEARTBEAT_ID) for number in range(1, 10)]
    over, held, free = batch[:3], batch[3], batch[4:]
    _apply(one, *over)
    dying = [each for delivery in batch for each in _dying(delivery)]
    found: list[GivenUp] = []
    with Interrupted(one, _AT_THE_COMMIT, lambda: found.append(give_up(other, dying))):
        assert _apply(one, held) == [Applied(4)]
    [known] = found
    assert set(known.ended) == {delivery.write.operation_id for delivery in over}
    assert known.unknown == {held.write.operation_id}
    assert all(isinstance(outcome, Dead) for outcome in _apply(one, *free))


_NUMBERS = st.integers(0, 120) | st.integers(0, 2**64 - 1)


@settings(max_examples=60, suppress_health_check=SHARED_FIXTURES)
@given(
    entries=st.lists(
        st.tuples(st.builds("{}-{}".format, _NUMBERS, _NUMBERS), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
        unique_by=lambda entry: entry[0],
    )
)
def test_those_that_gave_up_are_found_whatever_their_ids(
    engines: tuple[Engine, Engine], entries: list[tuple[str, bool, bool]]
) -> None:
    """`too_late` returns exactly those entries of the batch that have been given up, whatever the number of digits in
    their ids."""
    with transaction(engines[0]) as connection:
        connection.exec_driver_sql("DELETE FROM released_values")
    every = [(_delivery(Heartbeat(), 1, entry_id=id), in_batch, gave_up) for id, in_batch, gave_up in entries]
    if dying := [each for delivery, _, gave_up in every for each in _dying(delivery) if gave_up]:
        give_up(engines[0], dying)
    batch = [delivery for delivery, in_batch, _ in every if in_batch]
    with reading(engines[1]) as connection:
        found = too_late(connection, batch)
    assert found == {each for delivery in batch for each in _dying(delivery) if each in dying}


def test_what_is_asked_does_not_grow_with_the_batch(engines: tuple[Engine, Engine]) -> None:
    """The number of entry ids in a query does not grow with the batch, as long as no entry with an id in the batch's
    range was given up."""
    asked: list[Any] = []
    sa.event.listen(
        engines[0],
        "before_cursor_execute",
        lambda _1, _2, statement, values, *_: asked.extend(values if statement.startswith("SELECT") else ()),
    )
    batch = [_delivery(Heartbeat(), number, HEARTBEAT_ID) for number in range(100, 200)]
    give_up(engines[1], _dying(_delivery(Heartbeat(), 200)))
    assert len(_apply(engines[0], *batch)) == len(batch)
    assert {each.entry_id for each in batch}.intersection(asked) == {"100-0", "199-0"}
