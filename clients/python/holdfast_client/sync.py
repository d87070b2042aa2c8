"""Sync: the blocking client. `aio.py` holds the same client for asyncio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

import httpx

from holdfast_client import transport
from holdfast_client.calls import Calls, ReadOptions, Reply, ResourceCalls, Send, Steps, Values, WriteOptions
from holdfast_client.errors import HoldfastError
from holdfast_client.models import E, Entity, Operation, Page, User, Written
from holdfast_client.retries import RetryBudget, RetryPolicy

T = TypeVar("T")


class Client:
    """A client of one Holdfast api. Make one per process: the client keeps the connections and the retry budget.

    `key`: an API key. `http`: further arguments of httpx's client, such as `transport` or `verify`.

        with Client("http://localhost:8080", key) as holdfast:
            written = holdfast.users.create({"name": "Ada", "email": "ada@example.com"}, wait=True)
            user = holdfast.users.get(written.id)
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        policy: RetryPolicy | None = None,
        budget: RetryBudget | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        **http: Any,
    ) -> None:
        self._http = httpx.Client(**transport.options(base_url, key, http))
        self._sleep = sleep
        self._calls = Calls(policy or RetryPolicy(), budget or RetryBudget(), clock)
        self.users: Resource[User] = self.resource("users", User)

    def resource(self, plural: str, entity: type[E] = Entity) -> Resource[E]:  # type: ignore[assignment]
        """Return the resource at `/plural`. `entity`: a subclass of Entity with properties for the fields."""
        return Resource(self, ResourceCalls(self._calls, f"/{plural}", entity))

    def operation(self, operation_id: str, *, timeout_s: float | None = None) -> Operation:
        """Return the current state of a write's operation. Raises HoldfastError."""
        return self.run(self._calls.operation(operation_id, self._calls.until(timeout_s)))

    def wait_for(self, operation_id: str, *, timeout_s: float | None = None) -> Operation:
        """Return the operation after its end. Raises WriteFailed if it had no effect, Unfinished after `timeout_s`."""
        return self.run(self._calls.finished(operation_id, self._calls.until(timeout_s)))

    def run(self, steps: Steps[T]) -> T:
        """Run a call to its end and return its result. Raises HoldfastError."""
        came: Reply | HoldfastError | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                result: T = end.value
                return result
            came = self._send(step) if isinstance(step, Send) else None
            if not isinstance(step, Send):
                self._sleep(step.seconds)

    def _send(self, send: Send) -> Reply | HoldfastError:
        end, body = self._calls.until(send.timeout_s), bytearray()
        try:
            with self._http.stream(**transport.arguments(send)) as response:
                for part in response.iter_bytes():  # httpx limits the time of each part, not the total
                    body += part
                    if self._calls.clock() > end:
                        raise httpx.ReadTimeout("the answer came too slowly")
            return transport.reply_of(response, bytes(body))
        except (httpx.RequestError, UnicodeEncodeError) as error:
            return transport.failure_of(error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Resource(Generic[E]):
    """A resource of the api. Every write is sent with an idempotency key, so that repeating the request is safe."""

    def __init__(self, client: Client, calls: ResourceCalls[E]) -> None:
        self._run, self._calls = client.run, calls

    def create(self, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Create an entity."""
        return self._run(self._calls.write("POST", None, values, options))

    def replace(self, id: str, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Replace all fields of an entity."""
        return self._run(self._calls.write("PUT", id, values, options))

    def update(self, id: str, values: Values, **options: Unpack[WriteOptions]) -> Written:
        """Change the given fields of an entity."""
        return self._run(self._calls.write("PATCH", id, values, options))

    def delete(self, id: str, **options: Unpack[WriteOptions]) -> Written:
        """Delete an entity."""
        return self._run(self._calls.write("DELETE", id, None, options))

    def get(self, id: str, **options: Unpack[ReadOptions]) -> E:
        """Return an entity, with its queued writes included. Raises NotFound."""
        return self._run(self._calls.get(id, options))

    def find(self, unique: Values, **options: Unpack[ReadOptions]) -> E:
        """Return the entity with this unique value: `find({"email": "ada@example.com"})`. Raises NotFound."""
        return self._run(self._calls.find(unique, options))

    def pages(self, limit: int | None = None, **options: Unpack[ReadOptions]) -> Iterator[Page[E]]:
        """Yield all pages in the order of creation. `timeout_s` applies to each page."""
        cursor: str | None = None
        while True:
            page = self._run(self._calls.page({"limit": limit, "cursor": cursor}, options))
            yield page
            if (cursor := page.next_cursor) is None:
                return

    def all(self, limit: int | None = None, **options: Unpack[ReadOptions]) -> Iterator[E]:
        """Yield all entities, fetched in pages of `limit`."""
        for page in self.pages(limit, **options):
            yield from page.items
