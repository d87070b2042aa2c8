"""No garbage: an error that was answered is freed with its request. Reference cycles, which only the garbage collector
frees, would pile up by tens of thousands in an outage, and then block the event loop while they are freed."""

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api.batcher import Batcher
from holdfast.services.api.database import Row
from holdfast.services.api.hedge import Hedge, hedged
from holdfast.services.api.resources import add_routes
from holdfast.services.api.view import View
from holdfast.shared.cache.copies import Page
from holdfast.shared.cache.form import EntityCopy
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.domain.errors import EntityNotFound
from holdfast.shared.errors import CircuitOpen, QueueUnavailable
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.queue.pending import PendingWrites, anywhere
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused, Refusal, Refused
from holdfast.shared.resilience.retry import Retrier
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryLimits
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.merge import Entity
from tests.accepting import acceptor
from tests.stream import new_user
from tests.users import USERS, user_row

_ID = "00000000-0000-4000-8000-000000000001"
_ANN = user_row(_ID, "Ann", 1, "ann@example.com", "ann@example.com", 1, created_version=1)


class Missing(Exception):
    """An arbitrary error."""


class Errors:
    """Knows which of the errors that were raised are still referenced."""

    def __init__(self) -> None:
        self._raised: list[weakref.ref[Exception]] = []

    def raised(self, error: Exception) -> Exception:
        """Remember the error without holding it, and return it."""
        self._raised.append(weakref.ref(error))
        return error

    async def left(self) -> list[Exception]:
        """Return the errors that still exist in the next turn of the event loop, which until then holds what it woke a
        task with."""
        assert self._raised
        await asyncio.sleep(0)
        return [error for each in self._raised if (error := each()) is not None]


@pytest.fixture
def errors() -> Iterator[Errors]:
    """A record without errors so far, while the garbage collector is off."""
    gc.disable()
    try:
        yield Errors()
    finally:
        gc.enable()


class Away:
    """A database that is away, copies of what is `kept`, and a queue that answers unless it is `away` too."""

    undisturbed = False

    def __init__(self, errors: Errors, kept: Entity | None, *, away: bool) -> None:
        self._errors = errors
        self._kept = kept
        self._away = away
        self._breaker = Breaker("away")

    async def call_async(self, _look: object, _redis: object, entities: Sequence[Ref], *_: object) -> Any:
        """Return that the queue holds no writes, or fail if the queue is away."""
        if self._away:
            raise self._errors.raised(CallRefused(self._breaker, Refused(Refusal.OPEN, 1, enforced=True)))
        return dict.fromkeys(entities, PendingWrites([]))

    async def row(self, _resource: object, _id: str, hedge: Hedge) -> Row:
        """Read under the caller's hedge; the read is refused."""
        return await hedged(self.read(), *hedge)

    async def read(self, *_: object) -> Any:
        """Refuse the read, as an open breaker does."""
        try:
            raise self._errors.raised(CallRefused(self._breaker, Refused(Refusal.OPEN, 1, enforced=True)))
        except CallRefused as refused:
            raise self._errors.raised(CircuitOpen(retry_after_s=1)) from refused

    async def entities(self, which: Sequence[Ref]) -> Any:
        """Return the copies."""
        return dict.fromkeys(which, EntityCopy(self._kept, time.time()) if self._kept else None)

    async def page(self, *_: object) -> Page | None:
        """Return the copy of the page."""
        return Page([self._kept], (), time.time()) if self._kept else None

    def listen(self, _listener: object) -> None:
        """Ignore the listener."""


def _client(away: Away) -> httpx.AsyncClient:
    stores: Any = away
    view = View(stores, [stores], stores, stores, stores, stale_max_s=60, read_timeout_s=60, secret=b"")
    path: Any = None
    app = service_app(
        Health("test"), title="t", description="d", version="0",
        add_routes=lambda app: add_routes(app, USERS, path, view),
    )  # fmt: skip
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("away", [False, True], ids=["queue", "no queue"])
@pytest.mark.parametrize(
    ("kept", "status"),
    [(_ANN, 200), (None, 503), (_ANN._replace(deleted_version=2), 404)],
    ids=["copy", "no copy", "deleted"],
)
async def test_a_refused_read_leaves_none(errors: Errors, kept: Entity | None, status: int, away: bool) -> None:
    """A refused read leaves no error behind, whether there is a copy, none, or the copy of a deleted user, and whether
    or not the queue is away too."""
    async with _client(Away(errors, kept, away=away)) as client:
        assert (await client.get(f"/users/{_ID}")).status_code == status
    assert await errors.left() == []


@pytest.mark.parametrize(("kept", "status"), [(_ANN, 200), (None, 503)], ids=["copy", "no copy"])
async def test_a_refused_page_leaves_none(errors: Errors, kept: Entity | None, status: int) -> None:
    """A refused page leaves no error behind, with or without a copy of the page."""
    async with _client(Away(errors, kept, away=False)) as client:
        assert (await client.get("/users")).status_code == status
    assert await errors.left() == []


async def test_an_answered_error_leaves_none(errors: Errors) -> None:
    """A 404 that a handler raises because of another error leaves neither error behind."""
    app = service_app(Health("test"), title="t", description="d", version="0")

    @app.get("/missing")
    async def missing(_: Request) -> Response:
        try:
            raise errors.raised(Missing())
        except Missing as error:
            raise errors.raised(EntityNotFound(USERS)) from error

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/missing")).status_code == 404
    assert await errors.left() == []


@pytest.mark.parametrize("whole", [False, True], ids=["one key", "whole call"])
async def test_a_batch_that_failed_leaves_none(errors: Errors, whole: bool) -> None:
    """A failed batch leaves no error behind, neither for the callers that shared it nor for a caller that asked
    alone."""

    async def look(keys: Sequence[str]) -> dict[str, int | Exception]:
        if whole:
            raise errors.raised(Missing())
        return {key: errors.raised(Missing()) for key in keys}

    async def caught(asked: Any) -> None:
        with pytest.raises(Missing):
            await asked

    batcher: Batcher[str, int] = Batcher(look)
    await asyncio.gather(caught(batcher.get("a")), caught(batcher.get("a")))
    await caught(batcher.alone("a"))
    assert await errors.left() == []


async def test_a_write_that_the_queue_refused_leaves_none(errors: Errors) -> None:
    """A write that the queue refused goes on to the database together with its own error, and leaves no error
    behind."""
    redis, breaker = connect("localhost:1", RedisTimeouts(1, 1)), Breaker("queue")
    breaker.force_open(actor="test", reason="test")
    taking = acceptor(redis, breaker=breaker)

    async def refused() -> None:
        try:
            await taking.accept(new_user())
        except QueueUnavailable as error:
            errors.raised(error)

    await refused()
    assert await errors.left() == []
    await redis.aclose()


async def test_a_look_at_all_partitions_that_failed_leaves_none(errors: Errors) -> None:
    """A failed lookup in all partitions, for an operation whose partition is unknown, leaves no error behind."""

    async def look(*_: object) -> None:
        raise errors.raised(Missing())

    with pytest.raises(Missing):
        await anywhere(Partitions(2), look, "id")
    assert await errors.left() == []


async def test_a_call_that_may_be_tried_again_leaves_nothing(errors: Errors) -> None:
    """A call that may be retried leaves no error behind, although the retry library keeps the deciding function of its
    last attempt."""

    async def tried() -> None:
        held = errors.raised(Missing())

        async def call(number: int) -> int:
            return number

        def decide(error: Exception) -> None:
            assert error is not held

        assert await Retrier("test", RetryBudget(), RetryLimits(2, 0, 0)).run(call, decide, lambda: 1.0) == 1

    await tried()
    assert await errors.left() == []
