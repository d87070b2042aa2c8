"""Freeze: steady traffic from outside while the database stops answering for ten seconds and recovers.

Open loop: every request is sent at its intended time, and its latency counts from that time.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import orjson

from deploy.client.connections import Address, Connections, Response
from deploy.client.open_loop import OpenLoop, constant, now
from deploy.client.outcome import BROKEN, Outcome, classify, error_of
from deploy.client.samples import Percentiles, percentiles
from deploy.local.processes import freeze
from tests.bench import stalls
from tests.bench.accept import Server, start_api
from tests.bench.apply import start_writers
from tests.bench.stage import Stage
from tests.bench.stalls import Causes

READS_PER_S = 180
WRITES_PER_S = 20
USERS = 200
FREEZE_S = 10.0
HEALTHY_S = 10.0
AFTER_S = 30.0
#: Seconds after which the breaker has opened, and every request that waited for the database has been answered.
_SETTLED_S = 2.5
_PER_S = READS_PER_S + WRITES_PER_S


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as its client saw it. `kind`: good, degraded, rejected (a 429 or 503 with Retry-After) or failed."""

    intended: float
    latency_s: float
    kind: str
    open: bool


@dataclass(slots=True)
class Round:
    """All answers of a round, and when the database froze and thawed (Unix times)."""

    seen: list[Seen] = field(default_factory=list)
    frozen_at: float = 0.0
    thawed_at: float = 0.0
    slips_s: Sequence[float] = ()

    @property
    def healthy(self) -> Percentiles:
        """The latencies of requests before the freeze."""
        return self._of(lambda each: each.intended + 1 < self.frozen_at)

    @property
    def first_second(self) -> Percentiles:
        """The latencies of requests sent in the first second of the freeze."""
        return self._of(lambda each: self.frozen_at <= each.intended < self.frozen_at + 1)

    @property
    def breaker_open(self) -> Percentiles:
        """The latencies of requests that were answered from copies because the breaker was open, including reads that
        probed."""
        return self._of(lambda each: each.open and self.frozen_at + _SETTLED_S <= each.intended < self.thawed_at)

    @property
    def worst_s(self) -> float:
        """The longest latency of all."""
        return max(each.latency_s for each in self.seen)

    def during(self, *kinds: str) -> float:
        """Return the share of these kinds among the requests sent during the freeze."""
        frozen = [each for each in self.seen if self.frozen_at <= each.intended < self.thawed_at]
        return sum(each.kind in kinds for each in frozen) / len(frozen)

    @property
    def good_again_s(self) -> float:
        """The seconds from the thaw to the last answer that was not good."""
        return max((s.intended - self.thawed_at for s in self.seen if s.kind != "good"), default=0.0)

    def _of(self, which: Callable[[Seen], bool]) -> Percentiles:
        return percentiles([each.latency_s for each in self.seen if which(each)])


async def one_round(stage: Stage, port: int, name: str) -> Round:
    """Run one round: healthy, frozen and thawed."""
    connections = Connections(Address("127.0.0.1", port))
    paths = await _users(connections, name)
    result = Round()
    schedule = OpenLoop(constant(_PER_S, HEALTHY_S + FREEZE_S + AFTER_S))

    async def send(number: int, intended: float) -> None:
        write = number % (_PER_S // WRITES_PER_S) == 0
        if write:
            user = {"name": f"New {number}", "email": f"new.{name}.{number}@example.com"}
            response = await connections.request("POST", "/users", body=orjson.dumps(user))
        else:
            response = await connections.request("GET", random.choice(paths))
        result.seen.append(_seen(intended, response, write=write))

    async def break_it() -> None:
        await asyncio.sleep(HEALTHY_S)
        freeze(stage.database.pid)
        result.frozen_at = now()
        await asyncio.sleep(FREEZE_S)
        os.kill(stage.database.pid, signal.SIGCONT)
        result.thawed_at = now()

    try:
        await asyncio.gather(schedule.run(send), break_it())
    finally:
        os.kill(stage.database.pid, signal.SIGCONT)
        connections.close()
    result.slips_s = schedule.slips_s
    return result


def measure(stage: Stage, rounds: int, cores: set[int], say: Callable[[str], None]) -> list[Round]:
    """Measure with one api and one writer, which run through all rounds."""
    stage.pin(cores)
    stage.empty()
    results = []
    with _api(stage, cores) as api:
        for number in range(1, rounds + 1):
            results.append(asyncio.run(one_round(stage, api.port, f"{number:02d}")))
            say(f"freeze {number}/{rounds}  good or degraded {results[-1].during('good', 'degraded'):.2%}")
    return results


def traced(stage: Stage, cores: set[int], say: Callable[[str], None]) -> dict[str, Causes]:
    """Run one more round with an api that traces its event loop. Return the causes of its stalls, healthy and with the
    breaker open."""
    file = stage.folder / "stalls.jsonl"
    with _api(stage, cores, "tests.bench.loop_trace", str(file)) as api:
        seen = asyncio.run(one_round(stage, api.port, "traced"))
    found = stalls.read(file)
    say(f"traced  {len(found)} stalls")
    return {
        "healthy": stalls.causes(found, seen.frozen_at - HEALTHY_S, seen.frozen_at),
        "breaker open": stalls.causes(found, seen.frozen_at + _SETTLED_S, seen.thawed_at),
    }


@contextmanager
def _api(stage: Stage, cores: set[int], *through: str) -> Iterator[Server]:
    with ExitStack() as stack:
        api = start_api(stage, cores, through=through)
        stack.callback(api.process.stop)
        start_writers(stage, 1, stack)
        yield api


async def _users(connections: Connections, name: str) -> list[str]:
    """Make users and read each once. Return their paths, and the first page of the list."""
    paths = []
    for number in range(USERS):
        user = {"name": f"User {number}", "email": f"user.{name}.{number}@example.com"}
        response = await connections.request("POST", "/users", "Prefer: wait=10\r\n", orjson.dumps(user))
        if response.status != 201:
            raise RuntimeError(f"a user could not be made: {response.status} {response.body[:200]!r} {response.why}")
        paths.append(f"/users/{orjson.loads(response.body)['data']['id']}")
    for path in (*paths, "/users"):
        await connections.request("GET", path)
    return [*paths, *["/users"] * (USERS // 10)]


def _seen(intended: float, response: Response, *, write: bool) -> Seen:
    outcome, _ = classify(response, write=write)
    opened = response.status == 200 and error_of(response.body).get("code") == "CIRCUIT_BREAKER_OPEN"
    kind = Outcome.FAILED if outcome in BROKEN else outcome
    return Seen(intended, now() - intended, kind.word, opened)
