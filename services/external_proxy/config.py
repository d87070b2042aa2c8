"""Config: every number that may be changed at run time, as one document that is validated as a whole."""

from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.retry_rules import RetryLimits
from holdfast.shared.runtime.time_budgets import EXTERNAL_COPY_KEPT_S, THIRD_PARTY_MAX_S, Budget, Part, check

_DAY_S = 86_400
_BUCKETS = 30
_RULES = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class BreakerNumbers(BaseModel):
    """The parameters of the breakers' policy; see shared/resilience/breaker/policy.py."""

    model_config = _RULES

    window_s: float = Field(default=30, ge=0.5, le=3600)
    calls_min: int = Field(default=20, ge=1, le=100_000)
    failure_share: float = Field(
        default=1,
        gt=0,
        le=1,
        description="Share of failed calls at which the breaker opens; below 1, it also opens for partial failure",
    )
    slow_share: float = Field(default=0.8, gt=0, le=1)
    unreachable_in_a_row: int = Field(default=5, ge=1, le=1000)
    #: A third party bills its calls, so it has no prober. Calls of clients are the probes: one every `open_s`.
    open_s: float = Field(default=0.5, gt=0, le=600)
    open_max_s: float = Field(default=60, gt=0, le=3600)
    probes: int = Field(default=3, ge=1, le=100)
    doubted_calls: int = Field(
        default=250,
        ge=0,
        le=100_000,
        description="Failed calls that an open breaker lets through, one at a time, before it waits `open_s` between"
        " calls",
    )
    ramp_s: float = Field(
        default=10,
        ge=0,
        le=600,
        description="Longest ramp after the breaker closes; enough successful calls end it earlier",
    )
    throttle_max_s: float = Field(
        default=60, ge=0, le=3600, description="Longest Retry-After of the third party that the breaker obeys"
    )


class FallbackRules(BaseModel):
    """The rules for what is served if the third party fails."""

    model_config = _RULES

    allowed: bool = True
    max_age_s: float = Field(
        default=EXTERNAL_COPY_KEPT_S,
        gt=0,
        le=EXTERNAL_COPY_KEPT_S,
        description="Greatest age at which the last good answer is served",
    )
    default: dict[str, Any] | None = Field(
        default=None, description="The answer that is served if there is no last good answer"
    )

    @field_validator("default")
    @classmethod
    def _writable(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            orjson.dumps(value)
        except TypeError as error:
            raise ValueError(f"cannot be written as JSON: {error}") from error
        return value


class Config(BaseModel):
    """The run-time configuration. Times are in seconds."""

    model_config = _RULES

    total_s: float = Field(
        default=4.5,
        ge=0.1,
        le=THIRD_PARTY_MAX_S,
        description="Longest time for all attempts of a request and the pauses between them",
    )
    attempt_s: float = Field(default=1.5, ge=0.05, le=THIRD_PARTY_MAX_S)
    connect_s: float = Field(default=0.5, ge=0.01, le=10)
    attempts: int = Field(default=3, ge=1, le=10)
    backoff_base_s: float = Field(default=0.1, gt=0, le=10)
    backoff_cap_s: float = Field(default=2, gt=0, le=30)
    retry_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Retries that each first attempt adds to the retry budget: 0.1 allows one retry per ten requests",
    )
    in_flight_max: int = Field(default=64, ge=1, le=4096, description="Most concurrent calls to the third party")
    retry_after_max_s: float = Field(
        default=300, ge=1, le=_DAY_S, description="Longest Retry-After of the third party that is passed on to clients"
    )
    body_max_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    breaker: BreakerNumbers = BreakerNumbers()
    fallback: FallbackRules = FallbackRules()

    @model_validator(mode="after")
    def _inner_before_outer(self) -> Self:
        check(self.budgets())
        self.policy()  # raises ValueError for an inconsistent policy
        if self.backoff_base_s > self.backoff_cap_s:
            raise ValueError("backoff_base_s may not be longer than backoff_cap_s")
        return self

    def budgets(self) -> tuple[Budget, ...]:
        """Return the relations between the time limits. At least one attempt has to fit into the total."""
        attempt = Part("attempt_s", self.attempt_s)
        return (
            Budget("a connection", attempt, (Part("connect_s", self.connect_s),)),
            Budget("an attempt", Part("total_s", self.total_s), (attempt,)),
        )

    def policy(self) -> Policy:
        """Return the breakers' policy."""
        numbers = self.breaker
        return Policy(
            attempt_timeout_s=self.attempt_s,
            bucket_s=numbers.window_s / _BUCKETS,
            **{name: getattr(numbers, name) for name in BreakerNumbers.model_fields},
        )

    def retries(self) -> RetryLimits:
        """Return the limits of retries."""
        return RetryLimits(self.attempts, self.backoff_base_s, self.backoff_cap_s)
