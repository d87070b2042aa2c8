"""One migration at a time: the second waits until the connection of the first ends."""

import threading
from collections.abc import Iterator

import pytest

from holdfast.migrations import lock
from holdfast.shared.store.engine import Engine, make_engine
from tests.migrations.conftest import Schema
from tests.servers import PATIENT_DATABASE, TRX_LOOK_S, wait_until


@pytest.fixture
def engine(schema: Schema) -> Iterator[Engine]:
    """The engine of an empty database."""
    made = make_engine(schema.dsn, PATIENT_DATABASE, 3)
    yield made
    made.dispose()


def test_the_second_waits_for_the_first(engine: Engine, schema: Schema) -> None:
    """A second migration waits until the first ends, here by the loss of its connection; without another migration the
    lock is taken at once."""
    taken: list[bool] = []
    with engine.connect() as first, engine.connect() as second:
        assert lock.take(first, 60)
        assert not lock.take(second, 1)
        waiting = threading.Thread(target=lambda: taken.append(lock.take(second, 60)))
        waiting.start()
        blocked = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        wait_until(lambda: schema.rows(blocked) == ((1,),), what="the second one waits", look_s=TRX_LOOK_S)
        first.invalidate()
        waiting.join(120)
    assert taken == [True]
