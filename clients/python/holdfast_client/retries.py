"""Retries: when to retry, after what pause, and how many retries one client may make."""

from dataclasses import dataclass

from holdfast_client.errors import HoldfastError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The limits and pauses of a call's attempts."""

    #: The limit for a whole call, including pauses and the wait for the operation.
    timeout_s: float = 30.0
    attempt_timeout_s: float = 10.0
    attempts_max: int = 6
    #: The pause after attempt n is drawn from 0 to `base_s` * 2 ** n, at most `cap_s`: full jitter.
    base_s: float = 0.1
    cap_s: float = 5.0

    def pause_s(self, attempt: int, error: HoldfastError, drawn: float) -> float:
        """Return the pause after attempt `attempt`: `retry_after` and jitter. `drawn`: a random number below 1."""
        return error.retry_after_s + drawn * min(self.cap_s, self.base_s * 2.0 ** min(attempt, 30))


class RetryBudget:
    """A limit on retries as a share of calls: more would keep an overloaded service down. `at_once`: most saved up."""

    def __init__(self, share: float = 0.1, at_once: float = 10.0) -> None:
        self._share, self._at_once, self._left = share, at_once, at_once

    def earn(self) -> None:
        """Add the share that each new call earns."""
        self._left = min(self._at_once, self._left + self._share)

    def spend(self) -> bool:
        """Return whether one more retry is allowed, and if so count it."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
