"""Evidence: the outcomes of calls through a closed breaker, and whether they are a reason to open. Pure."""

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.snapshot import Counts, Why
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.resilience.breaker.window import RateWindow


class Evidence(RateWindow):
    """The window, and the number of UNREACHABLE calls in a row."""

    __slots__ = ("in_a_row", "slow_s")

    def __init__(self, policy: Policy, now: float) -> None:
        super().__init__(policy.window_s, policy.bucket_s, now)
        self.slow_s = policy.slow_s

    def clear(self, now: float) -> None:
        """Forget everything."""
        super().clear(now)
        self.in_a_row = 0

    def weigh(self, judgement: Judgement, took_s: float, now: float) -> None:
        """Count one call. A throttled call is no failure, and it did reach the dependency."""
        if judgement is Verdict.NEUTRAL:
            return
        self.in_a_row = self.in_a_row + 1 if judgement is Verdict.UNREACHABLE else 0
        if isinstance(judgement, Verdict):
            self.add(now, judgement is not Verdict.SUCCESS, took_s >= self.slow_s)

    def against(self, policy: Policy) -> Why | None:
        """The reason to open, or None."""
        if self.in_a_row >= policy.unreachable_in_a_row:
            return Why.UNREACHABLE_IN_A_ROW
        if self.calls < policy.calls_min:
            return None
        if self.failures / self.calls >= policy.failure_share:
            return Why.FAILURE_SHARE
        if self.slow / self.calls >= policy.slow_share:
            return Why.SLOW_SHARE
        return None

    def counts(self, now: float) -> Counts:
        """The counts of the window that ends now."""
        self.turn(now)
        return Counts(self.calls, self.failures, self.slow, self.in_a_row)
