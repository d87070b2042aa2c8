"""Policies: configurations of external_proxy in which one mechanism after the other is switched on."""

from collections.abc import Mapping
from typing import Any

#: Long durations are a tenth of the defaults, so that one point of a curve takes seconds. Everything else is as
#: shipped.
_TIMES = {
    "total_s": 1.0,
    "attempt_s": 0.3,
    "connect_s": 0.2,
    "backoff_base_s": 0.02,
    "backoff_cap_s": 0.2,
    "in_flight_max": 1024,
}
_BREAKER = {"window_s": 3.0, "calls_min": 20, "open_s": 0.5, "open_max_s": 2.0, "ramp_s": 1.0}
_NEVER_OPENS = {"calls_min": 100_000, "unreachable_in_a_row": 1000}
_NO_FALLBACK = {"allowed": False}

POLICIES: Mapping[str, Mapping[str, Any]] = {
    "none": _TIMES | {"attempts": 1, "breaker": _NEVER_OPENS, "fallback": _NO_FALLBACK},
    "retry": _TIMES | {"attempts": 3, "retry_share": 1.0, "breaker": _NEVER_OPENS, "fallback": _NO_FALLBACK},
    "retry + budget": _TIMES | {"attempts": 3, "breaker": _NEVER_OPENS, "fallback": _NO_FALLBACK},
    "retry + budget + on/off": _TIMES
    | {
        "attempts": 3,
        "breaker": _BREAKER | {"failure_share": 0.5},
        "fallback": _NO_FALLBACK,
    },
    "shipped": _TIMES | {"attempts": 3, "breaker": _BREAKER, "fallback": _NO_FALLBACK},
    "all, and fallback": _TIMES | {"attempts": 3, "breaker": _BREAKER},
}
WHAT = {
    "none": "one attempt, and its error is the answer",
    "retry": "up to three attempts with jittered pauses, for every request",
    "retry + budget": "the same while further attempts are at most a tenth of the first ones",
    "retry + budget + on/off": "and no attempt at all once half of them have failed, as most breakers do",
    "shipped": "retries, budget, and a breaker that opens for total failure only",
    "all, and fallback": "the same, and the last good answer, marked as one, instead of an error",
}
