"""Retries: when to send again, after what pause, and how much of that one client may do."""

from dataclasses import dataclass

from holdfast_client.errors import HoldfastError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a call is repeated."""

    #: For a whole call, pauses and the wait for the operation included.
    timeout_s: float = 30.0
    attempt_timeout_s: float = 10.0
    attempts_max: int = 6
    #: The pause after attempt n is drawn from 0 to `base_s` * 2 ** n, at most `cap_s`: full jitter.
    base_s: float = 0.1
    cap_s: float = 5.0

    def pause_s(self, attempt: int, error: HoldfastError, drawn: float) -> float:
        """After attempt number `attempt`; `drawn` is a random number below 1. The service's own `retry_after` is a
        minimum, so that nobody comes early and not all come at once."""
        return error.retry_after_s + drawn * min(self.cap_s, self.base_s * 2.0 ** min(attempt, 30))


class RetryBudget:
    """A limit on retries as a share of all calls of a client: sending everything several times while most of it fails
    would keep a service down. `at_once`: how many retries may be saved up."""

    def __init__(self, share: float = 0.1, at_once: float = 10.0) -> None:
        self._share, self._at_once, self._left = share, at_once, at_once

    def earn(self) -> None:
        """A call begins."""
        self._left = min(self._at_once, self._left + self._share)

    def spend(self) -> bool:
        """Whether one more retry may be made; then it is counted."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
