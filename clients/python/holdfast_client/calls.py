"""Calls: decides without I/O what to send, when to retry and when to give up. A call is a generator that yields a
`Send` or a `Sleep` and receives the result, so that both clients, and tests without real time, share all decisions."""

import random
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar
from urllib.parse import quote

from holdfast_client.errors import HoldfastError, NotFound, Unavailable, Unfinished, Unreachable, WriteFailed, error_of
from holdfast_client.models import E, Operation, Page, Written
from holdfast_client.retries import RetryBudget, RetryPolicy

#: The shortest and the longest timeout, and the longest wait, that the service accepts.
_TIMEOUT_MIN_S, _TIMEOUT_MAX_S, _WAIT_MAX_S = 0.05, 30.0, 10
_POLL_S = 0.5
#: The client gives up this much later than the service's own limit, so that an answer sent at that limit still arrives.
_MARGIN_S = 0.5

Values = Mapping[str, Any]
T = TypeVar("T")


class ReadOptions(TypedDict, total=False):
    """Options of a read. `fresh`: raise an error instead of returning a copy. `timeout_s`: limit for the whole call."""

    fresh: bool
    timeout_s: float


class WriteOptions(TypedDict, total=False):
    """Options of a write. `wait`: return once it has taken effect. `key`: the idempotency key, if not a new one.
    `if_match`: write only to this version. `expire_after_s`: never apply it later. `timeout_s`: for the whole call."""

    wait: bool
    key: str
    if_match: int
    expire_after_s: float
    timeout_s: float


class Send(NamedTuple):
    """A request that the transport is to send."""

    method: str
    path: str
    params: Values
    headers: Mapping[str, str]
    json: Values | None
    timeout_s: float


class Sleep(NamedTuple):
    """A pause before the next step."""

    seconds: float


class Reply(NamedTuple):
    """An HTTP response. `document`: its JSON, or None if the body is not JSON."""

    status: int
    headers: Mapping[str, str]
    document: Any


Steps = Generator[Send | Sleep, Reply | HoldfastError | None, T]


@dataclass(slots=True)
class Calls:
    """The calls of one client."""

    policy: RetryPolicy = field(default_factory=RetryPolicy)
    budget: RetryBudget = field(default_factory=RetryBudget)
    clock: Callable[[], float] = time.monotonic
    draw: Callable[[], float] = random.random

    def until(self, timeout_s: float | None) -> float:
        """Return the deadline of a call that begins now, on the client's clock."""
        return self.clock() + (self.policy.timeout_s if timeout_s is None else timeout_s)

    def request(
        self,
        method: str,
        path: str,
        end: float,
        *,
        params: Values | None = None,
        headers: Mapping[str, str] | None = None,
        json: Values | None = None,
        wait: bool = False,
    ) -> Steps[Reply]:
        """Send a request, and retry it until `end` if that is safe and may succeed. Raises HoldfastError."""
        all_headers = dict(headers or {})
        given = {name: value for name, value in (params or {}).items() if value is not None}
        self.budget.earn()
        key, attempt, unknown = all_headers.get("Idempotency-Key", ""), 0, False
        while True:
            limit_s = max(min(self.policy.attempt_timeout_s, end - self.clock(), _TIMEOUT_MAX_S), _TIMEOUT_MIN_S)
            all_headers["X-Request-Timeout-Ms"] = str(int(limit_s * 1000))
            if wait:
                all_headers["Prefer"] = f"wait={max(0, min(_WAIT_MAX_S, int(limit_s - 1)))}"
            reply = yield Send(method, path, given, dict(all_headers), json, limit_s + _MARGIN_S)
            if isinstance(reply, Reply) and 200 <= reply.status < 300 and isinstance(reply.document, dict):
                return reply
            if isinstance(reply, Reply):
                reply = error_of(reply.status, reply.headers.get("retry-after", ""), reply.document)
            error = reply or Unreachable("no answer")
            error.idempotency_key = key
            # After an attempt that may have had an effect, only an answer that was decided by the key is definite.
            by_key = not error.retryable and (error.status in (409, 412) or error.operation_id != "")
            error.definite &= by_key or not unknown
            unknown |= bool(key) and not error.definite
            under_way = error.code == "REQUEST_IN_PROGRESS"  # an earlier attempt still runs: asking again adds no work
            attempt += not under_way
            pause_s = self.policy.pause_s(attempt, error, self.draw())
            # An attempt that may have had an effect is repeated only if the service can recognize the repetition.
            repeatable = error.retryable and (error.definite or bool(key) or method == "GET")
            in_time = attempt < self.policy.attempts_max and self.clock() + pause_s < end
            if not (repeatable and in_time and (under_way or self.budget.spend())):
                raise error
            yield Sleep(pause_s)

    def operation(self, operation_id: str, end: float) -> Steps[Operation]:
        """Return the current state of an operation."""
        reply = yield from self.request("GET", f"/operations/{quote(operation_id, '', errors='surrogatepass')}", end)
        return _parsed(lambda data, _: Operation(data["id"], data["status"], data["done"], data.get("error")), reply)

    def finished(self, operation_id: str, end: float) -> Steps[Operation]:
        """Return the operation once it is over. Raises WriteFailed if it had no effect, Unfinished after `end`."""
        while True:
            try:
                found = yield from self.operation(operation_id, end)
            except HoldfastError as error:
                if not error.retryable:
                    raise
                raise _unfinished(operation_id, f": its operation cannot be read: {error}") from error
            if found.took_effect:
                return found
            if found.done:
                raise _without_effect(found)
            pause_s = _POLL_S * (0.5 + self.draw())
            if self.clock() + pause_s >= end:
                raise _unfinished(operation_id, "")
            yield Sleep(pause_s)


@dataclass(frozen=True, slots=True)
class ResourceCalls(Generic[E]):
    """The calls of one resource. `path`: its address, such as `/users`."""

    calls: Calls
    path: str
    entity: type[E]

    def write(self, method: str, id: str | None, values: Values | None, options: WriteOptions) -> Steps[Written]:
        """Send a write under an idempotency key of its own. With `wait`, return only when its operation is over."""
        end = self._end(options, WriteOptions)
        wait, key = options.get("wait", False), options.get("key") or uuid.uuid4().hex
        headers = {"Idempotency-Key": key}
        if "if_match" in options:
            headers["If-Match"] = f'"{options["if_match"]}"'
        if "expire_after_s" in options:
            headers["X-Expire-After-Ms"] = str(max(1, int(options["expire_after_s"] * 1000)))
        reply = yield from self.calls.request(method, self._at(id), end, headers=headers, json=values, wait=wait)
        again = reply.headers.get("idempotent-replayed") == "true"
        found = _parsed(lambda it, _: Written(it["id"], str(it["operation_id"]), it["status"], key, again), reply, key)
        if not wait or found.status != "queued":
            return found
        try:
            over = yield from self.calls.finished(found.operation_id, end)
        except HoldfastError as error:
            error.idempotency_key, error.details = key, {**error.details, "operation_id": found.operation_id}
            error.definite = isinstance(error, WriteFailed)  # any other error concerns the query: the write continues
            raise
        return Written(found.id, found.operation_id, over.status, key, again)

    def get(self, id: str, options: ReadOptions) -> Steps[E]:
        """Return one entity."""
        end = self._end(options, ReadOptions)
        reply = yield from self.calls.request("GET", self._at(id), end, headers=_fresh(options))
        return _parsed(self.entity.parse, reply)

    def page(self, params: Values, options: ReadOptions) -> Steps[Page[E]]:
        """Return a page of the entities that match."""
        end = self._end(options, ReadOptions)
        reply = yield from self.calls.request("GET", self.path, end, params=params, headers=_fresh(options))

        def page(data: Any, meta: Values) -> Page[E]:
            items = [self.entity.parse(each, meta) for each in data]
            return Page(items, meta.get("next_cursor"), meta.get("stale") is True, meta.get("age_s"))

        return _parsed(page, reply)

    def find(self, unique: Values, options: ReadOptions) -> Steps[E]:
        """Return the entity that has the given values. Raises NotFound, or Unavailable if only a copy was searched."""
        if not unique or None in unique.values():
            raise TypeError("find needs a value of a unique field: anything would do without one")
        page = yield from self.page(unique, options)
        if page.items:
            return page.items[0]
        if page.stale:
            raise Unavailable("Nothing had these values when the copy was made", retryable=True, definite=True)
        raise NotFound("Nothing has these values", definite=True)

    def _end(self, options: Values, kind: type[ReadOptions] | type[WriteOptions]) -> float:
        if unknown := options.keys() - kind.__annotations__.keys():  # a misspelt `if_match` would be ignored
            raise TypeError(f"unknown: {', '.join(unknown)}; the options are {', '.join(kind.__annotations__)}")
        return self.calls.until(options.get("timeout_s"))

    def _at(self, id: str | None) -> str:
        return self.path if id is None else f"{self.path}/{quote(id, '', errors='surrogatepass')}"


def _fresh(options: ReadOptions) -> dict[str, str]:
    return {"Cache-Control": "no-cache"} if options.get("fresh") else {}


def _unfinished(operation_id: str, why: str) -> Unfinished:
    return Unfinished(f"The write is accepted and not known to have ended{why}", details={"operation_id": operation_id})


def _without_effect(operation: Operation) -> WriteFailed:
    error = operation.error or {}
    details = {**(error.get("details") or {}), "operation_id": operation.id, "status": operation.status}
    message, code = str(error.get("message") or operation.status), str(error.get("code") or "")
    return WriteFailed(message, code=code, definite=True, details=details)


def _parsed(parse: Callable[[Any, Values], T], reply: Reply, key: str = "") -> T:
    try:
        return parse(reply.document["data"], reply.document.get("meta") or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise error_of(reply.status, "", None, key) from error
