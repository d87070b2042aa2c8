"""Refused: what a caller gets instead of a call."""

from typing import TYPE_CHECKING

from circuitbreaker import CircuitBreakerError

from holdfast.shared.resilience.breaker.refusal import Refusal, Refused

if TYPE_CHECKING:
    from holdfast.shared.resilience.breaker.breaker import Breaker


class CallRefused(CircuitBreakerError):  # type: ignore[misc]  # untyped in the library
    """The breaker did not let a call through: nothing was sent."""

    def __init__(self, breaker: "Breaker", refused: Refused) -> None:
        super().__init__(breaker)
        self.breaker = breaker
        self.refusal: Refusal = refused.refusal
        #: In so many seconds a call may be let through.
        self.retry_after_s: float = refused.retry_after_s

    def __str__(self) -> str:
        return f"{self.breaker.name}: {self.refusal.value}, again in {self.retry_after_s:.1f} s"
