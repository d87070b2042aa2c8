"""Ramp: how a breaker that has just closed returns to letting every call through, or as many as the dependency can
answer in time. Pure.

The ramp follows results. A few calls may be in flight at first, and each call that succeeds in good time raises the
limit by one, if there is demand. So the limit doubles with every round trip, and a dependency that answers slowly gets
its load back slowly. A call that fails or is slow halves the limit. A clock ends a ramp that has lasted too long,
unless answers come late: an overloaded dependency answers late before it stops answering, so it keeps the number of
calls that it answers in time.
"""

from collections.abc import Callable

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict

_RETRY_AFTER_MAX_S = 1.0
#: From this share of the slow duration on, the limit grows by one per round trip and does not double.
_CAREFUL_FROM = 0.5


class Ramp:
    """Limits the calls in flight, from `ramp_from` up to `ramp_to`; then the ramp is over."""

    def __init__(self, random: Callable[[], float]) -> None:
        #: When the ramp ends at the latest; None while no ramp runs.
        self.until: float | None = None
        self._random = random
        #: Whether answers have come late during this ramp.
        self._late = False
        self._limit = 0.0
        #: Calls in flight; refused calls for which the limit has not grown yet; successes since the last refusal.
        self._under_way = self._wanted = self._unused = 0
        #: The limit up to which growth is fast. A halving or a late answer lowers it.
        self._room = 0.0
        self._halved_at = 0.0

    @property
    def sheds(self) -> bool:
        """Whether the ramp continues because answers have come late."""
        return self.until is not None and self._late

    def start(self, policy: Policy, now: float) -> None:
        """Begin a ramp."""
        self.until, self._late, self._halved_at = now + policy.ramp_s, False, now
        self._limit, self._room = policy.ramp_from, policy.ramp_to
        self._under_way = self._wanted = self._unused = 0

    def passes(self) -> bool:
        """Return whether one more call passes, and count it."""
        if self.until is None:
            return True
        passes = self._under_way < self._limit
        self._under_way += passes
        if not passes:
            self._wanted, self._unused = min(self._wanted + 1, self._under_way), 0
        return passes

    def ended(self, policy: Policy, judgement: Judgement, took_s: float, now: float) -> None:
        """Record the end of a call that passed. Neutral and throttled ends say nothing about the load that the
        dependency can take."""
        if self.until is None:
            return
        self._under_way = max(0, self._under_way - 1)
        slow = took_s >= policy.slow_s
        if judgement is Verdict.SUCCESS and not slow:
            self._grow(policy, took_s, now)
        elif isinstance(judgement, Verdict) and judgement is not Verdict.NEUTRAL:
            if slow and judgement is not Verdict.UNREACHABLE:
                self._late, self.until = True, now + policy.ramp_s
            if now - took_s >= self._halved_at:  # an earlier call reflects the limit before the halving
                self._limit = self._room = max(policy.ramp_from, self._limit / 2)
                self._halved_at = now

    def retry_after_s(self, now: float) -> float:
        """Return the wait for a refused call, in seconds. It is random, so that refused callers do not all return at
        once."""
        return 0.0 if self.until is None else self._random() * min(_RETRY_AFTER_MAX_S, self.until - now)

    def share(self, policy: Policy) -> float:
        """Return the progress of the ramp, from 0 to 1; 1 while no ramp runs."""
        return 1.0 if self.until is None else min(1.0, self._limit / policy.ramp_to)

    def _grow(self, policy: Policy, took_s: float, now: float) -> None:
        careful = took_s >= _CAREFUL_FROM * policy.slow_s
        if careful:
            self._room = min(self._room, self._limit)
        if not self._wanted:
            self._unused += 1
            if not self._late and self._unused >= policy.ramp_to - policy.ramp_from:
                self.until = None
            return
        self._wanted -= 1
        self._late = self._late or careful
        self._limit += 1 if self._limit < self._room else 1 / self._limit
        if self._limit >= policy.ramp_to:
            self.until = None
        elif self._late:
            self.until = now + policy.ramp_s  # calls are still being refused
