"""Policy: the parameters of one breaker."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The parameters of a breaker. Times are in seconds, shares from 0 to 1. Raises ValueError if they are
    inconsistent.

    Policy(attempt_timeout_s=1.5, open_s=2, open_max_s=15)
    """

    #: The timeout of one call.
    attempt_timeout_s: float = 1.0
    #: The breaker opens when `calls_min` calls within the last `window_s` failed in a row (more are required if many
    #: calls failed before them) ...
    window_s: float = 30.0
    bucket_s: float = 1.0
    calls_min: int = 20
    #: ... or when this share of at least `calls_min` calls failed. A value below 1 turns partial failure into total
    #: failure ...
    failure_share: float = 1.0
    #: ... or when this share was slow, that is, took at least `slow_of_timeout` of the attempt's timeout ...
    slow_share: float = 0.8
    slow_of_timeout: float = 0.8
    #: ... or when this many in a row were UNREACHABLE, however few calls the window has (more if many failed before
    #: them).
    unreachable_in_a_row: int = 5
    #: Two probes are `open_s` apart, plus or minus the share `jitter`. Each opening within `window_s` of a closing
    #: doubles the pause, up to `open_max_s`. The length of an outage does not lengthen the pause, so its end is noticed
    #: soon.
    open_s: float = 5.0
    open_max_s: float = 60.0
    jitter: float = 0.2
    #: Before the first pause, calls pass one at a time until this many have failed promptly. Only a success shows that
    #: a run of failures was chance, and where one call in a hundred succeeds, a hundred calls are needed to see one.
    doubted_calls: int = 0
    #: A breaker that opens again within `window_s` was closed too early: its prober waits this long, doubled each time.
    distrust_s: float = 0.5
    #: The number of probes that have to succeed, one after another.
    probes: int = 3
    #: How much longer than its timeout a probe may take before the next probe is sent.
    lease_extra_s: float = 1.0
    #: After closing, `ramp_from` calls may be in flight, and one more for each that succeeds. The ramp ends at
    #: `ramp_to`, or after `ramp_s`. With 0 s there is no ramp.
    ramp_s: float = 10.0
    ramp_from: int = 8
    ramp_to: int = 64
    #: The longest `Retry-After` of a dependency that the breaker obeys.
    throttle_max_s: float = 60.0
    #: A call that our deadline ended before this share of its timeout is NEUTRAL, because it had too little time.
    fair_of_timeout: float = 0.1
    transitions_kept: int = 20

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not math.isfinite(value) or value < 0 or (value == 0 and each.name not in _MAY_BE_ZERO):
                raise ValueError(f"{each.name} must be a positive number, not {value}")
            if each.name in _SHARES and value > 1:
                raise ValueError(f"{each.name} is a share and must not exceed 1, not {value}")
        if self.window_s < 2 * self.bucket_s:
            raise ValueError("window_s must be two buckets at least")
        if self.window_s < 2 * self.attempt_timeout_s:
            raise ValueError("window_s must be two attempts at least: slow calls count when they end")
        if self.open_max_s < self.open_s:
            raise ValueError("open_max_s must not be below open_s")

    def open_time_s(self, earlier: int, random: float) -> float:
        """Return how long to stay open after `earlier` openings in a row, with jitter. `random`: a number from 0 to
        1."""
        doubled_s = min(self.open_max_s, self.open_s * 2.0 ** min(earlier, 30))
        return doubled_s * (1 + self.jitter * (2 * random - 1))

    def distrusted_s(self, earlier: int) -> float:
        """Return how long the prober waits after `earlier` openings in a row."""
        return min(self.open_max_s, self.distrust_s * 2.0 ** min(earlier, 30)) if earlier else 0.0

    @property
    def slow_s(self) -> float:
        """The duration from which a call is slow."""
        return self.slow_of_timeout * self.attempt_timeout_s

    @property
    def lease_s(self) -> float:
        """The time for which a probe blocks other calls."""
        return self.attempt_timeout_s + self.lease_extra_s

    @property
    def fair_s(self) -> float:
        """The time that a call must have had for its timeout to count."""
        return self.fair_of_timeout * self.attempt_timeout_s


_SHARES = {"failure_share", "slow_share", "slow_of_timeout", "jitter", "fair_of_timeout"}
_MAY_BE_ZERO = {
    "distrust_s", "doubted_calls", "jitter", "lease_extra_s", "ramp_s", "fair_of_timeout", "transitions_kept",
    "throttle_max_s",
}  # fmt: skip
