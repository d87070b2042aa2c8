"""Behaviour: how the stand-in answers requests for data, set by one JSON document."""

import random
import time
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fault = Literal[
    "hang",
    "fail",
    "throttle",
    "reset",
    "invalid_json",
    "wrong_content_type",
    "truncated_body",
    "endless_body",
    "huge_body",
]

_WITH_STATUS = {"fail": 500, "throttle": 429}


class Behaviour(BaseModel):
    """The latency of every request, and a fault for a share of them, until it heals or is replaced."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    latency_ms: float = Field(default=0, ge=0, le=60_000)
    jitter_ms: float = Field(default=0, ge=0, le=60_000, description="Up to so much more, evenly spread")
    at_once: int | None = Field(
        default=None, ge=1, le=10_000, description="So many requests at once; the others wait their turn"
    )
    fault: Fault | None = None
    rate: float = Field(default=1, ge=0, le=1, description="Share of the requests that get the fault")
    status: int | None = Field(default=None, ge=400, le=599, description="Of `fail`; 500 when left out")
    retry_after: str | None = Field(
        default=None, max_length=100, description="Sent as it is, valid or not, with `fail` and `throttle`"
    )
    times: int | None = Field(default=None, ge=1, description="Heals after so many requests got the fault")
    for_s: float | None = Field(default=None, gt=0, le=86_400, description="Heals, latency too, after so long")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.fault is None and (self.rate != 1 or self.times is not None):
            raise ValueError("rate and times need a fault")
        if self.status is not None and self.fault != "fail":
            raise ValueError("status belongs to the fault `fail`")
        if self.retry_after is not None and self.fault not in _WITH_STATUS:
            raise ValueError("retry_after belongs to the faults `fail` and `throttle`")
        return self

    @property
    def fault_status(self) -> int:
        """The status code of `fail` and `throttle`."""
        return self.status or _WITH_STATUS.get(self.fault or "", 500)


WELL = Behaviour()


class CurrentBehaviour:
    """The behaviour in force."""

    def __init__(self) -> None:
        self._set = WELL
        self._until: float | None = None
        self._times_left: int | None = None

    def set(self, behaviour: Behaviour) -> None:
        """Put a behaviour in force."""
        self._set = behaviour
        self._until = None if behaviour.for_s is None else time.monotonic() + behaviour.for_s
        self._times_left = behaviour.times

    @property
    def now(self) -> Behaviour:
        """The behaviour in force, which is the default once a fault has healed."""
        if self._times_left == 0 or (self._until is not None and time.monotonic() >= self._until):
            self.set(WELL)
        return self._set

    def next(self) -> tuple[float, Behaviour | None]:
        """Return for one request the seconds of delay, and the behaviour whose fault it gets, or None."""
        behaviour = self.now
        slow_s = (behaviour.latency_ms + random.uniform(0, behaviour.jitter_ms)) / 1000  # noqa: S311 - no secret
        if behaviour.fault is None or random.random() >= behaviour.rate:  # noqa: S311 - the same
            return slow_s, None
        if self._times_left is not None:
            self._times_left -= 1
        return slow_s, behaviour
