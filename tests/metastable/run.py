"""Run: a steady stream of clients against one server that stalls once, recorded second by second."""

import asyncio
import random
from dataclasses import dataclass, field

from holdfast.shared.resilience.breaker.refusal import CallRefused
from tests.metastable.policies import Policy, attempt
from tests.metastable.server import SERVICE_S, Server
from tests.metastable.virtual_time import now_s, run

#: The share of the server's capacity.
LOAD = 0.6
HEALTHY_S = 20
STALL_S = 10
_GOOD_AGAIN = 0.95
_FOR_S = 5


@dataclass(slots=True)
class Result:
    """For each second in which clients arrived: how many arrived, how many were answered, how many were refused at
    once."""

    policy: str
    seconds: int
    came: list[int] = field(init=False)
    good: list[int] = field(init=False)
    refused: list[int] = field(init=False)
    sends: int = 0

    def __post_init__(self) -> None:
        self.came, self.good, self.refused = ([0] * self.seconds for _ in range(3))

    def good_share(self, second: int) -> float:
        """Return the share of the clients that arrived in that second and were answered."""
        return self.good[second] / self.came[second] if self.came[second] else 1.0

    @property
    def recovered_s(self) -> int | None:
        """The seconds from the end of the stall until nearly all clients are answered for a while, or None if that
        never happens."""
        ends = HEALTHY_S + STALL_S
        for second in range(ends, self.seconds - _FOR_S):
            if all(self.good_share(each) >= _GOOD_AGAIN for each in range(second, second + _FOR_S)):
                return second - ends
        return None

    @property
    def amplification(self) -> float:
        """The number of requests sent per wanted request."""
        return self.sends / sum(self.came)


def simulate(policy: Policy, *, after_s: int, seed: int = 1) -> Result:
    """Simulate one policy, from a healthy start to `after_s` seconds after the stall."""
    return run(lambda: _simulate(policy, HEALTHY_S + STALL_S + after_s, seed))


async def _simulate(policy: Policy, seconds: int, seed: int) -> Result:
    server = Server(HEALTHY_S, HEALTHY_S + STALL_S, seed, policy.queue_max, policy.drops_expired)
    working = asyncio.create_task(server.work())
    result = Result(policy.name, seconds)

    async def send() -> None:
        result.sends += 1
        await attempt(server)

    call = policy.client(send, seed)

    async def client(second: int) -> None:
        try:
            await call()
        except CallRefused:
            result.refused[second] += 1  # refused at once, with a copy and a Retry-After
        except Exception:  # noqa: BLE001, S110 - the missing answer is measured here
            pass
        else:
            result.good[second] += 1

    random.seed(seed)
    chance = random.Random(seed)
    async with asyncio.TaskGroup() as clients:
        while (second := int(now_s())) < seconds:
            result.came[second] += 1
            clients.create_task(client(second))
            await asyncio.sleep(chance.expovariate(LOAD / SERVICE_S))
    working.cancel()
    return result
