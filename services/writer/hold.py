"""Hold: while the breaker of the database is not closed, nothing is applied and no attempt is charged. A prober makes
control writes, one at a time, because a server that only answers reads is no help. The writer stays ready meanwhile,
because holding is the right thing to do."""

import asyncio
import random as randoms
from collections.abc import Awaitable, Callable

from holdfast.shared.faults import BadData, Contention, Outage, words_of
from holdfast.shared.http.health import detail_of
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.breaker.snapshot import Override, State
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.runtime.time_budgets import STORE_OPEN_MAX_S
from holdfast.shared.store.classify import answered
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_WINDOW_S = 30.0
#: Only outages open the breaker. Slow calls are handled by the pace, and an unexplained error leads to a control write.
_NEVER = 10**9


def database_breaker(timeout_s: float) -> Breaker:
    """Make the breaker of the database. The first outage opens it, so that no entry pays for an outage; a single
    control write closes it. `timeout_s`: the timeout of one statement, in seconds."""
    policy = Policy(
        attempt_timeout_s=timeout_s,
        window_s=max(_WINDOW_S, 2 * timeout_s),
        unreachable_in_a_row=1,
        calls_min=_NEVER,
        open_max_s=STORE_OPEN_MAX_S,
        distrust_s=0,
        probes=1,
        ramp_s=0,
    )
    return Breaker("database", policy, classify=_judge)


def _judge(error: Exception) -> Judgement:
    match error:
        case Outage():
            return Verdict.UNREACHABLE
        case Contention() | BadData():
            return Verdict.SUCCESS
        case _:
            return Verdict.NEUTRAL  # a control write will show whose fault it is


class Hold:
    """Lets work wait for the breaker to close, and makes the control writes that close it."""

    def __init__(self, breaker: Breaker, control_write: Callable[[], Awaitable[None]]) -> None:
        self._breaker = breaker
        self._control_write = control_write
        self._reported = ""
        self._open = asyncio.Event()
        breaker.listen(lambda _name, _transition: self._look())
        self._look()

    @property
    def active(self) -> bool:
        """Whether work is being held."""
        now = self._breaker.snapshot()
        observed = now.imposed is not None and now.imposed.override is Override.OBSERVE_ONLY
        return now.state is not State.CLOSED and not observed

    def check(self) -> tuple[bool, str]:
        """Return the health check for `/health`: whether nothing is held, and if something is, why."""
        return (False, detail_of("holding", self._breaker)) if self.active else (True, "")

    async def over(self) -> None:
        """Wait until nothing is held."""
        await self._open.wait()

    def prober(self, random: Callable[[float, float], float] = randoms.uniform) -> Prober:
        """Return the prober, which ends the hold."""
        return Prober(Probe(self._breaker, self._write, refused=answered), random=random)

    async def control(self) -> None:
        """Make a control write, to learn whether a failure is the database's. Raises Outage, which opens the breaker,
        if the control write fails too; CallRefused if the breaker is open already."""
        try:
            await self._write()
        except Outage:
            with self._breaker.guard():
                raise

    async def _write(self) -> None:
        try:
            await self._control_write()
            self._reported = ""
        except Exception as error:  # whatever the error is, another write would fail as well
            detail = words_of(error)
            if detail != self._reported:
                logs.warning(Action.CONTROL_WRITE_FAILED, error=detail)
                self._reported = detail
            if isinstance(error, Outage):
                raise
            raise Outage(f"a control write failed: {type(error).__name__}") from error

    def _look(self) -> None:
        metrics.holding.labels("database").set(self.active)
        if self.active:
            self._open.clear()
        else:
            self._open.set()
