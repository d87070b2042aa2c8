"""Ramp: how a breaker that has just closed returns to letting every call through. Pure."""

from collections.abc import Callable

from holdfast.shared.resilience.breaker.policy import Policy


class Ramp:
    """Lets a share of the calls through, by chance, that grows from `ramp_from` to all of them over `ramp_s` seconds;
    and a few a second in any case."""

    def __init__(self, random: Callable[[], float]) -> None:
        #: The end of the ramp; None: there is none now.
        self.until: float | None = None
        self._random = random
        self._second = 0.0
        self._passed = 0

    def start(self, policy: Policy, now: float) -> None:
        """Begin a ramp."""
        self.until = now + policy.ramp_s
        self._second, self._passed = now, 0

    def passes(self, policy: Policy, now: float) -> bool:
        """Whether one more call passes."""
        if self.until is None:
            return True
        if now - self._second >= 1:
            self._second, self._passed = now, 0
        passes = self._passed < policy.ramp_free_per_s or self._random() < self.share(policy, now)
        self._passed += passes
        return passes

    def retry_after_s(self, now: float) -> float:
        """For a refused call: any moment of the rest of the ramp, so that they do not all come back at once."""
        return 0.0 if self.until is None else self._random() * (self.until - now)

    def share(self, policy: Policy, now: float) -> float:
        """The share of calls that passes now."""
        if self.until is None or policy.ramp_s == 0:
            return 1.0
        left = min(1.0, max(0.0, (self.until - now) / policy.ramp_s))
        return policy.ramp_from + (1 - policy.ramp_from) * (1 - left)
