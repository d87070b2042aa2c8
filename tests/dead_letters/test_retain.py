"""Retention: only letters for which an operator has set a limit are removed, when they are due, after a warning."""

from datetime import UTC, datetime, timedelta

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.retention import Retention
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.letters.decide import change, outbox
from holdfast.shared.letters.find import groups
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.retention import letters as retention
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine
from tests.dead_letters.test_store import ANN, MOST, some


def _retention(database: Database, keep_days: float | None) -> Retention:
    settings = DlqAdminSettings(redis_addr="127.0.0.1:1", db_dsn="mysql://a:b@c/d", dlq_discarded_keep_days=keep_days)
    return Retention(database, settings)


async def test_discarded_letters_go_when_they_are_due(engine: Engine) -> None:
    """Discarded letters are announced and then purged when they are due, dead ones stay, and without a limit nothing is
    purged."""
    index.index(engine, some(8))
    change.discard(engine, Selection(matching=Filter(code="1366")), ANN, expected=2, most=MOST)
    outbox.delivered(engine, outbox.pending(engine, MOST))
    database = Database(engine, threads=1, background=1, audit=1, read_timeout_s=5)
    limited, now = _retention(database, 30), datetime.now(UTC)
    await _retention(database, None).once(now + timedelta(days=10_000))
    for days, due, discarded in ((1, 0, 2), (29.5, 2, 2), (30.5, 0, 0)):
        await limited.once(now + timedelta(days=days))
        assert limited.report()["discarded"].due_in_24_h == due, days
        assert groups.totals(engine)["discarded"] == discarded, days
    assert (groups.totals(engine)["dead"], groups.totals(engine)["purged"]) == (6, 2)
    assert limited.report()["finished"].keep_days is None


def test_a_discard_that_the_queue_does_not_know_stays(engine: Engine) -> None:
    """A discarded letter is kept until the queue has released its unique values, because nothing else releases them."""
    index.index(engine, some(1))
    change.discard(engine, Selection(matching=Filter()), ANN, expected=1, most=MOST)
    later = datetime.now(UTC) + timedelta(days=1)
    assert retention.purge(engine, (State.DISCARDED,), later) == 0
    [due] = outbox.pending(engine, MOST)
    outbox.delivered(engine, [due])
    assert retention.purge(engine, (State.DISCARDED,), later) == 1
