"""Ramp: how a breaker that has just closed returns to letting every call through. Pure.

By results: a few calls may be under way at first, and each that succeeds in good time makes room for one more. So the
number doubles with every round trip, and calls that come back slowly bring the others in slowly. One that fails or is
slow halves it. No clock is waited for; one only ends what has lasted too long.
"""

from collections.abc import Callable

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict

_RETRY_AFTER_MAX_S = 1.0


class Ramp:
    """Limits the calls under way, from `ramp_from` to `ramp_to` of them; then it is over."""

    def __init__(self, random: Callable[[], float]) -> None:
        #: When it ends at the latest; None: there is none now.
        self.until: float | None = None
        self._random = random
        self._limit = self._under_way = 0

    def start(self, policy: Policy, now: float) -> None:
        """Begin a ramp."""
        self.until = now + policy.ramp_s
        self._limit, self._under_way = policy.ramp_from, 0

    def passes(self) -> bool:
        """Whether one more call passes."""
        if self.until is None:
            return True
        passes = self._under_way < self._limit
        self._under_way += passes
        return passes

    def ended(self, policy: Policy, judgement: Judgement, took_s: float) -> None:
        """A call that passed has ended. Not every end says something about the dependency."""
        if self.until is None:
            return
        self._under_way = max(0, self._under_way - 1)
        if judgement is Verdict.SUCCESS and took_s < policy.slow_s:
            self._limit += 1
            if self._limit >= policy.ramp_to:
                self.until = None
        elif isinstance(judgement, Verdict) and judgement is not Verdict.NEUTRAL:
            self._limit = max(policy.ramp_from, self._limit // 2)

    def retry_after_s(self, now: float) -> float:
        """For a refused call: not the same for all, so that they do not all come back at once."""
        return 0.0 if self.until is None else self._random() * min(_RETRY_AFTER_MAX_S, self.until - now)

    def share(self, policy: Policy) -> float:
        """How far it is, from 0 to 1; 1 when there is none."""
        return 1.0 if self.until is None else min(1.0, self._limit / policy.ramp_to)
