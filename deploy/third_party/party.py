"""The stand-in's endpoints. `/data` behaves as set; the others, which set and query it, always work.

GET /data               what a client wants
POST /data              makes a record; a repeated Idempotency-Key gets the first response again and makes none
GET, PUT /behaviour     how it treats `/data`
GET, DELETE /arrivals   the requests for `/data`, whatever became of them
GET /livez              whether it runs
"""

import asyncio
import json
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from deploy.third_party.behaviour import Behaviour, CurrentBehaviour
from deploy.third_party.connection import Request, Wire


class Room:
    """The capacity. `at_once`: calls at a time, or None for no limit. Later requests wait in order, and are worked off
    even if their client has left, as on most servers. That is what makes retries dangerous."""

    def __init__(self, at_once: int | None) -> None:
        self._gate = asyncio.Semaphore(at_once) if at_once else None
        self._work: set[asyncio.Task[None]] = set()

    async def work(self, seconds: float) -> None:
        """Occupy the capacity for one request."""
        if self._gate is None:
            await asyncio.sleep(seconds)
            return
        task = asyncio.get_running_loop().create_task(self._in_turn(self._gate, seconds))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        await asyncio.shield(task)

    @staticmethod
    async def _in_turn(gate: asyncio.Semaphore, seconds: float) -> None:
        async with gate:
            await asyncio.sleep(seconds)


_KEPT = 10_000
_HEADERS = ("idempotency-key", "x-request-id", "traceparent", "x-attempt-count", "x-request-timeout-ms")
Logged = dict[str, Any]


class Arrivals:
    """A bounded log, newest last. The count includes requests that have left the log."""

    def __init__(self) -> None:
        self._count = 0
        self.log: deque[Logged] = deque(maxlen=_KEPT)

    def note(self, request: Request, peer: str, slow_s: float, behaviour: Behaviour | None) -> Logged:
        """Log a request, with the treatment that it gets."""
        fault, wait = (behaviour.fault, behaviour.retry_after) if behaviour else (None, None)
        self._count += 1
        noted = {name.replace("-", "_"): request.headers.get(name) for name in _HEADERS}
        about = {"number": self._count, "at": time.time(), "method": request.method, "path": request.path}
        self.log.append(about | {"peer": peer, "slow_s": slow_s, "fault": fault, "retry_after": wait} | noted)
        return self.log[-1]

    def clear(self) -> None:
        """Clear the log and the count."""
        self._count = 0
        self.log.clear()

    def as_json(self) -> dict[str, Any]:
        """Return `count`, and `arrivals` of {number, at (Unix seconds), method, path, peer, slow_s, fault, retry_after,
        and the relevant headers or null}."""
        return {"count": self._count, "arrivals": list(self.log)}


_KEYS_KEPT = 10_000


class ThirdParty:
    """The stand-in. `handle` handles each connection's requests."""

    def __init__(self) -> None:
        self._behaviour = CurrentBehaviour()
        self._room = Room(None)
        self.arrivals = Arrivals()
        self._records = 0
        self._by_key: OrderedDict[str, dict[str, Any]] = OrderedDict()

    async def handle(self, request: Request, wire: Wire) -> None:
        """Answer one request, or end its connection."""
        match request.method, request.path:
            case "GET" | "POST", "/data":
                await self._data(request, wire)
            case "GET", "/behaviour":
                await wire.write(_json(200, self._behaviour.now.model_dump()))
            case "PUT", "/behaviour":
                await wire.write(self._set_behaviour(request.body))
            case "GET", "/arrivals":
                await wire.write(_json(200, self.arrivals.as_json()))
            case "DELETE", "/arrivals":
                self.arrivals.clear()
                await wire.write(_json(200, self.arrivals.as_json()))
            case "GET", "/livez":
                await wire.write(_json(200, {"status": "ok"}))
            case _:
                await wire.write(_json(404, {"error": "there is no such path"}))

    def _set_behaviour(self, body: bytes) -> bytes:
        try:
            behaviour = Behaviour.model_validate_json(body)
        except ValidationError as error:
            wrong = [{"field": ".".join(map(str, one["loc"])), "error": one["msg"]} for one in error.errors()]
            return _json(422, {"error": "this is not a behaviour", "details": wrong})
        self.behave(behaviour)
        return _json(200, behaviour.model_dump())

    def behave(self, behaviour: Behaviour) -> None:
        """Put a behaviour in force."""
        self._behaviour.set(behaviour)
        self._room = Room(behaviour.at_once)

    async def _data(self, request: Request, wire: Wire) -> None:
        slow_s, behaviour = self._behaviour.next()
        logged = self.arrivals.note(request, wire.peer, slow_s, behaviour)
        status, document = (200, self._document(logged)) if request.method == "GET" else self._record(request)
        if slow_s:
            await self._room.work(slow_s)
        if behaviour is None:
            await wire.write(_json(status, document))
        else:
            await misbehave(behaviour, wire, document)

    def _document(self, logged: Logged) -> dict[str, Any]:
        at = datetime.fromtimestamp(logged["at"], UTC).isoformat(timespec="milliseconds")
        about = {"source": "stand-in third party", "at": at}
        return about | {"arrival": logged["number"], "records": self._records}

    def _record(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Make a record, before any fault: a lost response does not mean that nothing happened."""
        key = request.headers.get("idempotency-key")
        if key is not None and key in self._by_key:
            return 200, self._by_key[key]
        self._records += 1
        record = {"record": self._records, "idempotency_key": key}
        if key is not None:
            self._by_key[key] = record
            if len(self._by_key) > _KEYS_KEPT:
                self._by_key.popitem(last=False)
        return 201, record


async def misbehave(behaviour: Behaviour, wire: Wire, document: Mapping[str, Any]) -> None:
    """Answer with the behaviour's fault."""
    match behaviour.fault:
        case "hang":
            await asyncio.Event().wait()
        case "reset":
            wire.reset()
        case "truncated_body":
            await wire.write(_json(200, document)[:-10])
            wire.close()
        case "endless_body":
            await _pour(wire, b" ", every_s=0.05)
        case "huge_body":
            await _pour(wire, b"x" * 65_536, every_s=0)
        case _:
            await wire.write(_wrong(behaviour))


async def _pour(wire: Wire, chunk: bytes, *, every_s: float) -> None:
    """Send an endless body until the other side closes."""
    await wire.write(_head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
    while True:
        await wire.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await asyncio.sleep(every_s)


def _wrong(behaviour: Behaviour) -> bytes:
    """Send a complete response that is not what was asked for."""
    match behaviour.fault:
        case "invalid_json":
            return _answer(200, b'{"source": "stand-in third party", "at": ', {})
        case "wrong_content_type":
            return _answer(200, b"<html><h1>It works!</h1></html>", {"Content-Type": "text/html"})
        case _:
            more = {} if behaviour.retry_after is None else {"Retry-After": behaviour.retry_after}
            return _json(behaviour.fault_status, {"error": behaviour.fault}, more)


def _json(status: int, document: object, headers: Mapping[str, str] | None = None) -> bytes:
    return _answer(status, json.dumps(document).encode(), headers or {})


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    return _head(status, {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}) + body


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
