"""Retry budget: limits the retries of one dependency to a share of its first attempts. Pure.

A failing dependency cannot carry its usual load, and retries add load. So first attempts pay for retries.
"""


class RetryBudget:
    """A token bucket. Each first attempt adds `earned` tokens, up to `most`; each retry costs 1. The bucket starts with
    `floor` tokens, so that calls to a rarely used dependency may be retried too."""

    def __init__(self, *, earned: float = 0.1, most: float = 10.0, floor: float = 3.0) -> None:
        if not 0 <= earned <= 1 or not 0 <= floor <= most:
            raise ValueError("earned is a share, and floor must not exceed most")
        #: May be changed at any time.
        self.earned = earned
        self._most = most
        self._tokens = floor

    @property
    def left(self) -> float:
        """The number of tokens left."""
        return self._tokens

    def earn(self) -> None:
        """Add the tokens for a first attempt."""
        self._tokens = min(self._most, self._tokens + self.earned)

    def spend(self) -> bool:
        """Pay for a retry. Return whether the budget allowed it."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
