"""Aio: the client for asyncio. `sync.py` holds the same client for threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

import httpx

from holdfast_client import transport
from holdfast_client.calls import Calls, ReadOptions, Reply, ResourceCalls, Send, Steps, Values, WriteOptions
from holdfast_client.errors import HoldfastError
from holdfast_client.models import E, Entity, Operation, Page, User, Written
from holdfast_client.retries import RetryBudget, RetryPolicy

T = TypeVar("T")


class AsyncClient:
    """A client of one Holdfast api. Make one per process: the client keeps the connections and the retry budget.

    `key`: an API key. `http`: further arguments of httpx's client, such as `transport` or `verify`.

        async with AsyncClient("http://localhost:8080", key) as holdfast:
            written = await holdfast.users.create({"name": "Ada", "email": "ada@example.com"}, wait=True)
            user = await holdfast.users.get(written.id)
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        policy: RetryPolicy | None = None,
        budget: RetryBudget | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        **http: Any,
    ) -> None:
        self._http = httpx.AsyncClient(**transport.options(base_url, key, http))
        self._sleep = sleep
        self._calls = Calls(policy or RetryPolicy(), budget or RetryBudget(), clock)
        self.users: AsyncResource[User] = self.resource("users", User)

    def resource(self, plural: str, entity: type[E] = Entity) -> AsyncResource[E]:  # type: ignore[assignment]
        """Return the resource at `/plural`. `entity`: a subclass of Entity with properties for the fields."""
        return AsyncResource(self, ResourceCalls(self._calls, f"/{plural}", entity))

    async def operation(self, operation_id: str, *, timeout_s: float | None = None) -> Operation:
        """Return the current state of a write's operation. Raises HoldfastError."""
        return await self.run(self._calls.operation(operation_id, self._calls.until(timeout_s)))

    async def wait_for(self, operation_id: str, *, timeout_s: float | None = None) -> Operation:
        """Return the operation after its end. Raises WriteFailed if it had no effect, Unfinished after `timeout_s`."""
        return await self.run(self._calls.finished(operation_id, self._calls.until(timeout_s)))

    async def run(self, steps: Steps[T]) -> T:
        """Run a call to its end and return its result. Raises HoldfastError."""
        came: Reply | HoldfastError | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                result: T = end.value
                return result
            came = await self._send(step) if isinstance(step, Send) else None
            if not isinstance(step, Send):
                await self._sleep(step.seconds)

    async def _send(self, send: Send) -> Reply | HoldfastError:
        try:
            async with asyncio.timeout(send.timeout_s):  # httpx limits the time of each step, not the total
                response = await self._http.request(**transport.arguments(send))
            return transport.reply_of(response, response.content)
        except (httpx.RequestError, TimeoutError, UnicodeEncodeError) as error:
            return transport.failure_of(error)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncResource(Generic[E]):
    """A resource of the api. Every write is sent with an idempotency key, so that repeating the request is safe."""

    def __init__(self, client: AsyncClient, calls: ResourceCalls[E]) -> None:
        self._run, self._calls = client.run, calls

    async def create(self, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Create an entity."""
        return await self._run(self._calls.write("POST", None, values, options))

    async def replace(self, id: str, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Replace all fields of an entity."""
        return await self._run(self._calls.write("PUT", id, values, options))

    async def update(self, id: str, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Change the given fields of an entity."""
        return await self._run(self._calls.write("PATCH", id, values, options))

    async def delete(self, id: str, **options: Unpack[WriteOptions]) -> Written:
        """Delete an entity."""
        return await self._run(self._calls.write("DELETE", id, None, options))

    async def get(self, id: str, **options: Unpack[ReadOptions]) -> E:
        """Return an entity, with its queued writes included. Raises NotFound."""
        return await self._run(self._calls.get(id, options))

    async def find(self, unique: Values, **options: Unpack[ReadOptions]) -> E:
        """Return the entity with this unique value: `find({"email": "ada@example.com"})`. Raises NotFound."""
        return await self._run(self._calls.find(unique, options))

    async def pages(self, limit: int | None = None, **options: Unpack[ReadOptions]) -> AsyncIterator[Page[E]]:
        """Yield all pages in the order of creation. `timeout_s` applies to each page."""
        cursor: str | None = None
        while True:
            page = await self._run(self._calls.page({"limit": limit, "cursor": cursor}, options))
            yield page
            if (cursor := page.next_cursor) is None:
                return

    async def all(self, limit: int | None = None, **options: Unpack[ReadOptions]) -> AsyncIterator[E]:
        """Yield all entities, fetched in pages of `limit`."""
        async for page in self.pages(limit, **options):
            for each in page.items:
                yield each
