"""Refusal: why a call may not pass, when another may, and the exception that its caller gets."""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from circuitbreaker import CircuitBreakerError

if TYPE_CHECKING:
    from holdfast.shared.resilience.breaker.breaker import Breaker


class Refusal(StrEnum):
    """Why a call may not pass."""

    OPEN = "open"
    FORCED_OPEN = "forced_open"
    PROBING = "probing"
    RAMPING = "ramping"
    THROTTLED = "throttled"


class Refused(NamedTuple):
    """The machine's answer to a call that may not pass. `enforced` False: it is only observing, so the call passes."""

    refusal: Refusal
    #: Another call may pass after this time.
    retry_after_s: float
    enforced: bool


class CallRefused(CircuitBreakerError):  # type: ignore[misc]  # untyped in the library
    """The breaker did not let a call through: nothing was sent."""

    def __init__(self, breaker: "Breaker", refused: Refused) -> None:
        super().__init__(breaker)
        self.breaker = breaker
        self.refusal: Refusal = refused.refusal
        #: A call may be let through after this time.
        self.retry_after_s: float = refused.retry_after_s

    def __str__(self) -> str:
        return f"{self.breaker.name}: {self.refusal.value}, again in {self.retry_after_s:.1f} s"
