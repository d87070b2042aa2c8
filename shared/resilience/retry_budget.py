"""Retry budget: a limit on the retries of one dependency, as a share of its first attempts. Pure.

A dependency that fails cannot carry the load it has, and retries are more load; so first attempts pay for them.
"""


class RetryBudget:
    """A token bucket. Each first attempt adds `earned` tokens, up to `most`; each retry costs 1. It begins with `floor`
    tokens, so that a dependency that is seldom called may be retried too."""

    def __init__(self, *, earned: float = 0.1, most: float = 10.0, floor: float = 3.0) -> None:
        if not 0 <= earned <= 1 or not 0 <= floor <= most:
            raise ValueError("earned is a share, and floor must not exceed most")
        #: May be changed at any time.
        self.earned = earned
        self._most = most
        self._tokens = floor

    @property
    def left(self) -> float:
        """Tokens."""
        return self._tokens

    def earn(self) -> None:
        """A first attempt is made."""
        self._tokens = min(self._most, self._tokens + self.earned)

    def spend(self) -> bool:
        """Pay for a retry. False: the budget is used up."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
