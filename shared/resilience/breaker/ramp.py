"""Ramp: how a breaker that has just closed returns to letting every call through, or to as many as the dependency can
answer in time. Pure.

By results: a few calls may be under way at first, and each that succeeds in good time makes room for one more, if there
is use for it. So the number doubles with every round trip, and calls that come back slowly bring the others in slowly.
One that fails or is slow halves it. A clock ends what has lasted too long, unless answers come late: a dependency that
has too much to do answers late before it answers nothing, and is left with as many calls as it answers in time.
"""

from collections.abc import Callable

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict

_RETRY_AFTER_MAX_S = 1.0
#: From this share of the time that is slow on, the limit grows by one in a round trip, and does not double.
_CAREFUL_FROM = 0.5


class Ramp:
    """Limits the calls under way, from `ramp_from` to `ramp_to` of them; then it is over."""

    def __init__(self, random: Callable[[], float]) -> None:
        #: When it ends at the latest; None: there is none now.
        self.until: float | None = None
        self._random = random
        #: Whether answers have come late.
        self._late = False
        self._limit = 0.0
        #: Calls under way; refused ones for which no room was made yet; successes since the last refusal.
        self._under_way = self._wanted = self._unused = 0
        #: Up to this limit the last halving says that there is room.
        self._room = 0.0
        self._halved_at = 0.0

    @property
    def sheds(self) -> bool:
        """Whether it goes on because answers have come late."""
        return self.until is not None and self._late

    def start(self, policy: Policy, now: float) -> None:
        """Begin a ramp."""
        self.until, self._late, self._halved_at = now + policy.ramp_s, False, now
        self._limit, self._room = policy.ramp_from, policy.ramp_to
        self._under_way = self._wanted = self._unused = 0

    def passes(self) -> bool:
        """Whether one more call passes."""
        if self.until is None:
            return True
        passes = self._under_way < self._limit
        self._under_way += passes
        if not passes:
            self._wanted, self._unused = min(self._wanted + 1, self._under_way), 0
        return passes

    def ended(self, policy: Policy, judgement: Judgement, took_s: float, now: float) -> None:
        """A call that passed has ended. Not every end says something about the dependency."""
        if self.until is None:
            return
        self._under_way = max(0, self._under_way - 1)
        slow = took_s >= policy.slow_s
        if judgement is Verdict.SUCCESS and not slow:
            self._grow(policy, took_s, now)
        elif isinstance(judgement, Verdict) and judgement is not Verdict.NEUTRAL:
            if slow and judgement is not Verdict.UNREACHABLE:
                self._late, self.until = True, now + policy.ramp_s
            if now - took_s >= self._halved_at:  # else it shows what the limit before has led to
                self._limit = self._room = max(policy.ramp_from, self._limit / 2)
                self._halved_at = now

    def retry_after_s(self, now: float) -> float:
        """For a refused call: not the same for all, so that they do not all come back at once."""
        return 0.0 if self.until is None else self._random() * min(_RETRY_AFTER_MAX_S, self.until - now)

    def share(self, policy: Policy) -> float:
        """How far it is, from 0 to 1; 1 when there is none."""
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
            self.until = now + policy.ramp_s  # calls are still refused
