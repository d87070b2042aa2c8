"""Evidence: the outcomes of calls, and whether they justify opening the breaker. Pure.

Partial failure does not justify it: a caller of a dependency that fails half of its calls gets half of the answers, and
behind an open breaker it gets none. So only consecutive failures count, and only if there are too many of them to be
chance, given the share of calls that failed before.
"""

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.snapshot import Counts, Why
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.resilience.breaker.window import RateWindow

#: A run of consecutive failures opens the breaker if its probability, given the share of failures before it, is at most
#: this. It is the probability of 20 failures in a row where half of the calls fail.
_CHANCE_MAX = 1e-6
#: For this many windows after a dependency was found to fail in part, the share of failures found then is presumed.
_REMEMBERED = 10


class Evidence(RateWindow):
    """The window's counts, and the numbers of calls in a row that failed and that were UNREACHABLE."""

    __slots__ = ("_failed_until", "_presumed", "_presumed_failed", "failed_in_a_row", "slow_s", "unreachable_in_a_row")

    def __init__(self, policy: Policy, now: float) -> None:
        super().__init__(policy.window_s, policy.bucket_s, now)
        self.slow_s = policy.slow_s
        #: This many successful calls are presumed besides those in the window, because one failure does not estimate a
        #: share.
        self._presumed = policy.calls_min
        self._presumed_failed, self._failed_until = 0, now

    def clear(self, now: float) -> None:
        """Clear all counts."""
        super().clear(now)
        self.failed_in_a_row = self.unreachable_in_a_row = 0

    def found_partial(self, failed: int, window_s: float, now: float) -> None:
        """Record that the dependency fails in part: it answered one call after the `failed` calls that opened the
        breaker and the failed probes since then."""
        self._presumed = 1
        self._presumed_failed, self._failed_until = failed + self.failures, now + _REMEMBERED * window_s

    def weigh(self, judgement: Judgement, took_s: float, now: float) -> None:
        """Count one call. A throttled call is not a failure, and it did reach the dependency."""
        if judgement is Verdict.NEUTRAL:
            return
        failed = judgement in (Verdict.FAILURE, Verdict.UNREACHABLE)
        self.failed_in_a_row = self.failed_in_a_row + 1 if failed else 0
        self.unreachable_in_a_row = self.unreachable_in_a_row + 1 if judgement is Verdict.UNREACHABLE else 0
        if isinstance(judgement, Verdict):
            self.add(now, failed, took_s >= self.slow_s)

    def against(self, policy: Policy, now: float, *, shedding: bool = False) -> Why | None:
        """Return the reason to open the breaker, or None.

        `shedding`: the ramp refuses calls because answers come late, so some time out although the dependency works.
        More UNREACHABLE calls in a row are required then.
        """
        unreachable_min = max(policy.unreachable_in_a_row, policy.calls_min if shedding else 0)
        if self.unreachable_in_a_row >= unreachable_min and self._improbable(self.unreachable_in_a_row, now):
            return Why.UNREACHABLE_IN_A_ROW
        if self.calls < policy.calls_min:
            return None
        if self.failed_in_a_row >= policy.calls_min and self._improbable(self.failed_in_a_row, now):
            return Why.FAILURES_IN_A_ROW
        if self.failures / self.calls >= policy.failure_share:
            return Why.FAILURE_SHARE
        if self.slow / self.calls >= policy.slow_share:
            return Why.SLOW_SHARE
        return None

    def counts(self, now: float) -> Counts:
        """Return the counts of the window that ends now."""
        self.turn(now)
        return Counts(self.calls, self.failures, self.slow, self.unreachable_in_a_row, self.failed_in_a_row)

    def _improbable(self, in_a_row: int, now: float) -> bool:
        """Return whether the last calls, which failed, are too many in a row for the share of failures before them."""
        run = min(in_a_row, self.calls)
        if run == self.calls:
            return True  # no success in the whole window
        presumed = self._presumed_failed if now < self._failed_until else 0
        failed_before = (self.failures - run + presumed) / (self.calls - run + presumed + self._presumed)
        return failed_before**run <= _CHANCE_MAX
