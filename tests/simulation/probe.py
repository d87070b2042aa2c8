"""Probe: a careful person who checks whether everything runs, completes what waits for a person, and then uses the
system once more like any client."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from deploy.client.connections import Address, Connections, Response
from tests.simulation import at_rest
from tests.simulation.operators import Operator
from tests.simulation.workload import READ, SEND, Recorder, Request

#: Seconds between two checks: of what takes long, and of what is expected soon.
_EVERY_S, _SOON_S = 1.0, 0.25
_TIMEOUT_S = 20.0
#: Seconds after which everything that was in flight when an api stopped has arrived, and is in every later reading of
#: the ledger.
_ARRIVED_S = 2.5


class Probe:
    """The probe. `nodes`: name -> HTTP port."""

    def __init__(
        self,
        nodes: dict[str, int],
        redis: at_rest.Redis,
        recorder: Recorder,
        now: Callable[[], float],
        poisoned: Callable[[], bool],
    ) -> None:
        self._poisoned = poisoned
        self._nodes, self._redis, self._recorder, self._now = nodes, redis, recorder, now
        #: When the first reading of the ledger was made, by a clock that may be wrong.
        self._first_as_of = ""
        admins = [name for name in nodes if name.startswith("admin")]
        self._apis = [name for name in nodes if name.startswith("api")]
        self._proxies = [name for name in nodes if name.startswith("proxy")]
        self._person = Operator(1, 0, 1.0, admins, recorder, port=nodes[admins[0]])
        self._reader = Operator(1, 0, 1.0, admins[:1], recorder, port=nodes[admins[0]])
        self._lines = {name: Connections(Address(name, port), timeout_s=_TIMEOUT_S) for name, port in nodes.items()}
        #: What was wrong at the last check.
        self.waits_for = ""
        self.ledger: dict[str, int] | None = None

    async def until_alive(self, within_s: float) -> bool:
        """Wait until every process answers. Return whether that happened in time."""
        return await self._until(self._alive, within_s, _SOON_S)

    async def until_rest(self, within_s: float) -> bool:
        """Wait until all work has ended. Return whether that happened in time."""
        return await self._until(self._resting, within_s)

    async def until_balanced(self, within_s: float) -> bool:
        """Wait, with no api running, until no work is left and the ledger balances. Return whether that happened in
        time."""
        if not await self._until(self._ended, within_s):
            return False
        await asyncio.sleep(_ARRIVED_S)
        return await self._until(self._balance, within_s, _SOON_S)

    async def _until(self, condition: Callable[[], Any], within_s: float, every_s: float = _EVERY_S) -> bool:
        end_s = self._now() + within_s
        while self._now() < end_s:
            self.waits_for = await condition()
            if not self.waits_for:
                return True
            await asyncio.sleep(every_s)
        return False

    async def _alive(self) -> str:
        answers = await asyncio.gather(*(self._get(name, "/livez") for name in self._nodes))
        return ", ".join(name for name, answer in zip(self._nodes, answers, strict=True) if answer.status != 200)

    async def _ended(self) -> str:
        """Return what has not ended yet, or an empty text."""
        if left := at_rest.entries(self._redis):
            if self._poisoned():  # an operator has to decide about dead letters; everything else ends by itself
                await self._person.ask("POST", "/dlq/writers/go-on", {"reason": "simulated"})
            return f"{left} entries on the stream"
        if left := at_rest.letters_on_stream(self._redis):
            return f"{left} letters on their stream"
        if open_ones := await self._person.tidy():
            return f"{len(open_ones)} replays are not over"
        return ""

    async def _resting(self) -> str:
        """Return what has not ended yet, or which process is not ready or does not answer as usual."""
        if left := await self._ended():
            return left
        for name in self._nodes:
            if (answer := await self._get(name, "/readyz")).status != 200:
                return f"{name} is not ready: {answer.body[:200]!r}"
        for name in self._apis:
            external = ("/external-api",) if self._proxies else ()
            for path in ("/users?limit=1", "/operations/00000000-0000-7000-8000-000000000000", *external):
                answer = await self._send(name, Request("probe", "GET", path))
                if answer.status not in (200, 404, 410) or answer.degraded:
                    return f"{name} answers {path} with {answer.status}, degraded: {answer.degraded}"
        for name in self._proxies:  # by path: the third party may have asked the proxy to wait for some seconds more
            key = f"probe-{name}-at-{self._now():.3f}"
            answer = await self._send(name, Request(key, "POST", SEND, {}, {"Idempotency-Key": key}))
            if answer.status >= 400:
                return f"{name} answers {SEND} with {answer.status}"
        return ""

    async def _balance(self) -> str:
        found = await self._reader.ask("GET", "/ledger")
        if not found:
            return "there is no reading of the ledger"
        self._first_as_of = self._first_as_of or found["as_of"]
        if found["as_of"] == self._first_as_of:
            return f"the ledger was last read at {found['as_of']}"
        self.ledger = {name: found[name] for name in found if isinstance(found[name], int)}
        return "" if not found["missing"] else f"the ledger misses {found['missing']}"

    async def use(self) -> None:
        """Use everything once at every api: create, change, read and delete. Requests are recorded like those of
        clients."""
        for name in self._apis:
            body = {"name": "probe", "email": f"{name}@probe.example"}
            made = await self._send(name, Request(f"probe-{name}", "POST", "/users", body, {"Prefer": "wait=10"}))
            if made.status not in (200, 201, 202):
                continue
            path = f"/users/{orjson.loads(made.body)['data']['id']}"
            await self._send(name, Request(f"probe-{name}-1", "PATCH", path, {"name": "q"}))
            await self._send(name, Request(f"probe-{name}-2", "GET", path))
            await self._send(name, Request(f"probe-{name}-3", "DELETE", path, headers={"Prefer": "wait=10"}))
            await self._send(name, Request(f"probe-{name}-4", "GET", path))
            if self._proxies:
                await self._send(name, Request(f"probe-{name}-5", "GET", READ))
        for name in self._proxies:
            await self._send(name, Request(f"probe-{name}", "POST", SEND, {}, {"Idempotency-Key": f"probe-{name}"}))

    async def ask_for(self, operation_ids: list[str]) -> None:
        """Read each of these operations."""
        for id in operation_ids:
            await self._send(self._apis[0], Request(f"probe-{id}", "GET", f"/operations/{id}"))

    async def _send(self, name: str, request: Request) -> Response:
        number = self._recorder.invoked("probe", name, request)
        headers = "".join(f"{key}: {value}\r\n" for key, value in request.headers.items())
        body = b"" if request.body is None else orjson.dumps(request.body)
        response = await self._lines[name].request(request.method, request.path, headers, body)
        self._recorder.ended(number, response)
        return response

    async def _get(self, name: str, path: str) -> Response:
        return await self._lines[name].request("GET", path)
