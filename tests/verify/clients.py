"""Clients: an open loop of arrivals. Each arrival sends what the workload says, and everything is recorded in the
history."""

import asyncio
import json
import random
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

import aiohttp

from deploy.client.open_loop import OpenLoop, constant, poisson
from tests.promises.history import Attempt, Fail, Fault, Invoke, Ok, Unknown
from tests.promises.recovery import usual
from tests.promises.responses import end_of
from tests.verify.recorder import Recorder
from tests.verify.stage import Stage
from tests.verify.workload import Wish, Workload

#: Longer than any deadline of the api: a request that reaches this timeout was not answered.
PATIENCE_S = 120.0
_AGAIN_AFTER_S = (0.1, 1.0)
#: The longer no answer comes, the longer the clients wait. Otherwise an open loop would flood a slow machine.
_SLOWER, _AGAIN_MOST_S = 1.3, 8.0
#: Shorter than servers keep idle connections.
_IDLE_S = 1.0
_CLIENTS = 20
_LOOKS_PER_S = 25
_BEAT_S, _HELD_UP_S = 0.05, 0.5
HELD_UP = "no time for the clients"
#: Answers after which a request is not repeated: it had its effect, or is refused for good.
_REFUSED_FOR_NOW = (429, 500, 502, 503, 504)
_IN_PROGRESS = "REQUEST_IN_PROGRESS"


class Clients:
    """The clients. `load` sends until `stop`; retries go on until `give_up_s` by the recorder's clock."""

    def __init__(self, stage: Stage, recorder: Recorder, seed: int) -> None:
        self._stage = stage
        self._recorder = recorder
        self._chance = random.Random(seed)
        self.workload = Workload(random.Random(seed + 1))
        self._http: aiohttp.ClientSession | None = None
        self.loop = OpenLoop(())
        self.give_up_s = float("inf")
        self._stopped = False

    async def load(self, per_s: float) -> None:
        """Send until `stop`, and return when every client knows its result, or has given up."""
        arrivals = poisson(per_s, float("inf"), self._chance.randrange(2**32))
        self.loop = OpenLoop(takewhile(lambda _: not self._stopped, arrivals))
        await self.loop.run(self._arrival)

    def stop(self) -> None:
        """Send no new requests."""
        self._stopped = True

    async def look(self, paths: list[str]) -> None:
        """Read each path until it is answered as in a healthy system, no faster than a breaker that has just closed
        admits."""
        arrivals = constant(_LOOKS_PER_S, len(paths) / _LOOKS_PER_S)
        await OpenLoop(arrivals).run(lambda number, _: self._look(paths[number]))

    async def _look(self, path: str) -> None:
        while not usual(await self._attempt(Wish("GET", path), "auditor")) and self._recorder.now() < self.give_up_s:
            await asyncio.sleep(self._chance.uniform(*_AGAIN_AFTER_S))

    async def open_breaker(self) -> str:
        """Return the first open breaker that an api reports, or an empty text."""
        look = Wish("GET", "/circuit-breaker/status")
        for name in self._stage.apis:
            try:
                status, _, content = await self._request(self._stage.services[name].url, look)
            except (aiohttp.ClientError, OSError) as error:
                return f"{name} does not answer: {error}"
            if status != 200:
                return f"{name} answers {status}"
            if found := not_closed(json.loads(content)["data"]["circuit_breakers"]):
                return f"{name} reports {found}"
        return ""

    async def watch_ourselves(self) -> None:
        """Measure when this process itself was held up by an overloaded machine. What came late or not at all then is
        not the system's fault."""
        before = self._recorder.now()
        while True:
            await asyncio.sleep(_BEAT_S)
            at_s = self._recorder.now()
            if at_s - before > _HELD_UP_S:
                self._recorder.add(Fault(before, at_s, HELD_UP, "*"))
            before = at_s

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def _arrival(self, number: int, _: float) -> None:
        wish = self.workload.wish(number)
        client = f"client-{number % _CLIENTS + 1}"
        tries = 0
        while not tries or (wish.insists and self._recorder.now() < self.give_up_s):
            if _is_known(await self._attempt(wish, client, None if tries else wish.patience_s)):
                return
            tries += 1
            if wish.insists:
                await asyncio.sleep(self._pause_s(tries))

    def _pause_s(self, tries: int) -> float:
        return min(_AGAIN_MOST_S, self._chance.uniform(*_AGAIN_AFTER_S) * _SLOWER**tries)

    async def _attempt(self, wish: Wish, client: str, patience_s: float | None = None) -> Attempt:
        """Send one attempt, and return its end."""
        target = self._chance.choice(self._stage.apis)
        attempt = self._recorder.attempt()
        sent = Invoke(
            self._recorder.now(), attempt, client, target, wish.method, wish.path, wish.body, wish.key, wish.if_match
        )
        self._recorder.add(sent)
        try:
            async with asyncio.timeout(patience_s):
                status, headers, content = await self._request(self._stage.services[target].url, wish)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            lost = Unknown(self._recorder.now(), attempt, _why(error, hangs_up=patience_s is not None))
            self._recorder.add(lost)
            return Attempt(sent, lost)
        end = end_of(attempt, self._recorder.now(), wish.method, status, headers, content)
        self._recorder.add(end)
        if isinstance(end, Ok):
            self.workload.learn(wish, end)
        return Attempt(sent, end)

    async def _request(self, url: str, wish: Wish) -> tuple[int, dict[str, str], bytes]:
        if self._http is None:
            # The cost of this does not grow with the requests in flight, of which an open loop may have a thousand.
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
            )
        async with self._http.request(wish.method, url + wish.path, json=wish.body, headers=_headers(wish)) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, headers, await response.read()


def not_closed(breakers: Iterable[Mapping[str, Any]]) -> str:
    """Return the first breaker in `/circuit-breaker/status` that is not closed. The last report of a replica that has
    ended does not count."""
    moved = (one for one in breakers if not one["report"]["stale"] and one["state"] != "closed")
    return next((f"{one['name']} of {one['instance']} {one['state']}" for one in moved), "")


def _is_known(attempt: Attempt) -> bool:
    """Return whether the client knows the result of its request."""
    match attempt.end:
        case Ok():
            return True
        case Fail(status=status, code=code):
            return status not in _REFUSED_FOR_NOW and code != _IN_PROGRESS
        case _:
            return False


def _headers(wish: Wish) -> dict[str, str]:
    headers = {"Idempotency-Key": wish.key} if wish.key else {}
    if wish.if_match:
        headers["If-Match"] = f'"{wish.if_match}"'
    if wish.wait_s:
        headers["Prefer"] = f"wait={wish.wait_s}"
    return headers


def _why(error: Exception, *, hangs_up: bool) -> str:
    match error:
        case aiohttp.ClientConnectorError():
            return "refused"
        case TimeoutError():
            return "hung up" if hangs_up else "timeout"
        case _:
            return "reset"
