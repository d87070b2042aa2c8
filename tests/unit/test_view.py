"""What a read shows: a write that settles between its two queries, and a copy when the database hangs."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Never

import pytest

from holdfast.services.api.database import Row
from holdfast.services.api.hedge import Hedge, hedged
from holdfast.services.api.view import View
from holdfast.shared.cache.copies import Page
from holdfast.shared.cache.form import EntityCopy
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import CircuitOpen, DatabaseSlow, DatabaseUnavailable
from holdfast.shared.queue.pending import PendingWrites
from holdfast.shared.resilience import deadline
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S
from holdfast.shared.writes.commands import Ref, Write
from holdfast.shared.writes.merge import Entity, merge
from holdfast.shared.writes.versions import VERSION_MAX
from tests.users import create_user, delete_user, update_user, user_ref, user_row

_ID = "00000000-0000-4000-8000-000000000001"
_CREATED = user_row(_ID, "Ann", 1, "ann@example.com", "ann@example.com", 1, created_version=1)
_CREATE = Write("op-1", _ID, create_user("Ann", "ann@example.com"), 1)
_DELETE = Write("op-3", _ID, delete_user(), 2)
_CHANGE = Write("op-2", _ID, update_user(name="Bob"), 2)


class Stores:
    """A queue and a database that hold one write, which the writer settles after a number of lookups."""

    undisturbed = True

    def __init__(self, row: Entity | None, write: Write, settles_after: int) -> None:
        self._row = row
        self._pending: Write | None = write
        self._left = settles_after

    async def call_async(
        self, _look: object, _redis: object, entities: Sequence[Ref], *_: object
    ) -> dict[Ref, PendingWrites]:
        """Return the writes that the queue holds."""
        found = PendingWrites([self._pending] if self._pending else [])
        self._looked()
        return dict.fromkeys(entities, found)

    async def row(self, _resource: object, _id: str, hedge: Hedge) -> Row:
        """Return the row that the database holds."""
        found = Row(self._row, 0)
        self._looked()
        return found

    async def entities(self, _: object) -> Never:
        """Fail, because a read of stores that answer does not look at copies."""
        raise AssertionError

    def listen(self, _listener: object) -> None:
        """Ignore the listener."""

    def _looked(self) -> None:
        self._left -= 1
        if self._left == 0 and self._pending:
            self._row, _ = merge(self._row, self._pending)
            self._pending = None


class Offers:
    """A refresher that ignores what it is offered."""

    def offer(self, _copies: object) -> None:
        """Ignore the copies."""


@pytest.mark.parametrize("settles_after", [1, 2, 3])
@pytest.mark.parametrize(("row", "write", "name"), [(None, _CREATE, "Ann"), (_CREATED, _CHANGE, "Bob")])
async def test_a_write_is_seen_whenever_it_settles(
    row: Entity | None, write: Write, name: str, settles_after: int
) -> None:
    """A write is seen whether it settles before the second lookup, after it, or later."""
    stores: Any = Stores(row, write, settles_after)
    offers: Any = Offers()
    view = View(stores, [stores], stores, stores, offers, stale_max_s=1, read_timeout_s=60, secret=b"")
    [entity] = (await view.entity(user_ref(_ID))).entities
    assert entity.shown()["name"] == name


class Away(Stores):
    """A database that is away, and a young copy of the entity."""

    async def row(self, _resource: object, _id: str, _hedge: Hedge) -> Row:
        """Refuse the read, as an open breaker does."""
        raise CircuitOpen(retry_after_s=1)

    async def entities(self, _: object) -> Any:
        """Return the copy."""
        return {user_ref(_ID): EntityCopy(_CREATED, time.time())}


@pytest.mark.parametrize("fresh", [False, True])
async def test_a_queued_delete_is_seen_without_the_database(fresh: bool) -> None:
    """A queued delete hides the entity without the database, whatever its row is. A delete with a condition, on the row
    or on time, does not."""
    offers: Any = Offers()

    def view(stores: Any) -> View:
        return View(stores, [stores], stores, stores, offers, stale_max_s=60, read_timeout_s=60, secret=b"")

    seen = await view(Away(None, _DELETE, 0)).entity(user_ref(_ID), fresh=fresh)
    assert (seen.entities, seen.pending) == ([], True)
    conditions: list[dict[str, Any]] = [{"if_match": (1,)}, {"if_none_match": (7,)}, {"expires_at": VERSION_MAX}]
    for condition in conditions:
        with pytest.raises(CircuitOpen):
            await view(Away(None, _DELETE._replace(**condition), 0)).entity(user_ref(_ID), fresh=fresh)


class Hung(Stores):
    """A database that never answers, and a young copy of the entity."""

    async def row(self, _resource: object, _id: str, hedge: Hedge) -> Row:
        """Read under the caller's hedge; the row never comes."""

        async def nothing() -> Row:
            await asyncio.Event().wait()
            raise AssertionError

        return await hedged(nothing(), *hedge)

    async def entities(self, _: object) -> Any:
        """Return the copy."""
        return {user_ref(_ID): EntityCopy(_CREATED, time.time())}


async def test_a_hung_read_is_the_copy_with_what_is_pending_and_says_why() -> None:
    """A hung read is answered from the copy with the pending write and with the reason, before the read's own time is
    over and while no breaker is open."""
    stores: Any = Hung(None, _CHANGE, 0)
    offers: Any = Offers()
    view = View(stores, [stores], stores, stores, offers, stale_max_s=60, read_timeout_s=1e-6, secret=b"")
    seen = await view.entity(user_ref(_ID))
    assert [entity.shown()["name"] for entity in seen.entities] == ["Bob"]
    assert isinstance(seen.instead_of, DatabaseSlow)
    assert (seen.pending, seen.source) == (True, "cache")
    reading = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert len(reading) == 1, "the read goes on"
    reading[0].cancel()
    await asyncio.wait(reading)


class Frozen(Stores):
    """A queue that never answers, and a database that does."""

    async def call_async(self, *_: object) -> Any:
        """Wait for an answer that never comes."""
        await asyncio.Event().wait()


async def test_a_queue_that_hangs_leaves_time_for_the_database() -> None:
    """While the queue hangs and its breaker is still closed, a request with little time gets the database's row, and
    whether a write is pending is unknown."""
    stores: Any = Frozen(_CREATED, _CHANGE, 0)
    offers: Any = Offers()
    view = View(stores, [stores], stores, stores, offers, stale_max_s=60, read_timeout_s=60, secret=b"")
    async with asyncio.timeout(20):
        with deadline.scope(0.1):
            seen = await view.entity(user_ref(_ID))
    assert ([entity.shown()["name"] for entity in seen.entities], seen.pending) == (["Ann"], None)


class HungPages(Stores):
    """A database whose pages never come, and a young copy of the page."""

    async def read(self, *_: object) -> Any:
        """Wait for a page that never comes."""
        await asyncio.Event().wait()

    async def page(self, *_: object) -> Page:
        """Return the copy."""
        return Page([_CREATED], (), time.time())


async def test_a_request_with_little_time_does_not_wait_for_the_read_of_another() -> None:
    """A request that shares the page with others gets the copy in its own time, however much time the others have."""
    stores: Any = HungPages(None, _CREATE, 0)
    view = View(stores, [stores], stores, stores, stores, stale_max_s=60, read_timeout_s=3600, secret=b"")
    users = domain().by_plural["users"]
    first = asyncio.create_task(view.page(users, 0, 10, fresh=False))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        with deadline.scope(2 * ANSWER_RESERVE_S):
            seen = await view.page(users, 0, 10, fresh=False)
    assert isinstance(seen.instead_of, DatabaseUnavailable)
    assert [entity.shown()["name"] for entity in seen.entities] == ["Ann"]
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], asyncio.CancelledError)
