"""Retry budget: how many second tries a dependency is worth. Pure.

While it fails, retries are more load for what cannot carry the load it has; so they are bought with first tries.
"""


class RetryBudget:
    """A bucket of tokens. Each first attempt puts `earned` in, up to `most`; each further one costs 1. It begins with
    `floor`, so that a dependency that is seldom asked may be asked again too."""

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
        """Pay for a further one; False: it is not to be made."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
