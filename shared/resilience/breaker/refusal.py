"""Refusal: why a call may not pass, when another call may, and the exception that the caller gets."""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from circuitbreaker import CircuitBreakerError

if TYPE_CHECKING:
    from holdfast.shared.resilience.breaker.breaker import Breaker


class Refusal(StrEnum):
    """The reason why a call may not pass."""

    OPEN = "open"
    FORCED_OPEN = "forced_open"
    PROBING = "probing"
    RAMPING = "ramping"
    THROTTLED = "throttled"


class Refused(NamedTuple):
    """The machine's answer to a call that may not pass. If `enforced` is False, the breaker only observes, so the call
    passes."""

    refusal: Refusal
    #: Seconds after which another call may pass.
    retry_after_s: float
    enforced: bool


class CallRefused(CircuitBreakerError):  # type: ignore[misc]  # untyped in the library
    """Raised when the breaker did not let a call through. Nothing was sent."""

    def __init__(self, breaker: "Breaker", refused: Refused) -> None:
        super().__init__(breaker)
        self.breaker = breaker
        self.refusal: Refusal = refused.refusal
        #: Seconds after which a call may be let through.
        self.retry_after_s: float = refused.retry_after_s

    def __str__(self) -> str:
        return f"{self.breaker.name}: {self.refusal.value}, again in {self.retry_after_s:.1f} s"
