"""Hold: while the breaker of the database is not closed nothing is applied and nobody is charged. One ping at a time
asks, as often as the breaker allows. The writer stays ready: it is doing the right thing."""

import asyncio
from collections.abc import Awaitable, Callable

from shared import metrics
from shared.breaker.breaker import Breaker
from shared.breaker.policy import Policy
from shared.breaker.refused import CallRefused
from shared.breaker.snapshot import Override, State
from shared.breaker.verdict import Judgement, Verdict
from shared.faults import Outage

_LOOK_EVERY_S = 0.2
_FIRST_OPEN_S = 0.2
_WINDOW_S = 30.0
#: Only outages open it. What is slow is the pace's to answer, and an unknown error is charged to its entry.
_NEVER = 10**9


def database_breaker(timeout_s: float, probe_cap_s: float) -> Breaker:
    """The first outage opens it, so that no entry pays for one; a single ping closes it. `timeout_s` is that of one
    statement, `probe_cap_s` the longest pause between two pings."""
    policy = Policy(
        attempt_timeout_s=timeout_s, window_s=max(_WINDOW_S, 2 * timeout_s), unreachable_in_a_row=1, calls_min=_NEVER,
        open_s=min(_FIRST_OPEN_S, probe_cap_s), open_max_s=probe_cap_s, probes=1, ramp_s=0,
    )  # fmt: skip
    return Breaker("database", policy, classify=_judge)


def _judge(error: Exception) -> Judgement:
    return Verdict.UNREACHABLE if isinstance(error, Outage) else Verdict.SUCCESS


class Hold:
    """What waits for the breaker to close, and the ping that closes it."""

    def __init__(self, breaker: Breaker, ping: Callable[[], Awaitable[None]]) -> None:
        self._breaker = breaker
        self._ping = ping
        self._open = asyncio.Event()
        breaker.listen(lambda _name, _transition: self._look())
        self._look()

    @property
    def active(self) -> bool:
        """Whether work is being held."""
        now = self._breaker.snapshot()
        observed = now.imposed is not None and now.imposed.override is Override.OBSERVE_ONLY
        return now.state is not State.CLOSED and not observed

    async def over(self) -> None:
        """Wait until nothing is held."""
        await self._open.wait()

    async def probing(self) -> None:
        """For ever: ping the database through the breaker while that is not closed."""
        while True:
            pause_s = _LOOK_EVERY_S
            try:
                if self._breaker.state is not State.CLOSED:
                    await self._breaker.call_async(self._ask)
            except CallRefused as refused:
                pause_s = min(pause_s, refused.retry_after_s)
            except Outage:
                pass  # the breaker has counted it
            await asyncio.sleep(pause_s)

    async def _ask(self) -> None:
        try:
            await self._ping()
        except Exception as error:  # whatever it was, a transaction would not fare better
            raise Outage(f"no ping: {type(error).__name__}") from error

    def _look(self) -> None:
        metrics.holding.labels("database").set(self.active)
        if self.active:
            self._open.clear()
        else:
            self._open.set()
