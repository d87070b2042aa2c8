"""The external proxy under test: its configurations."""

from typing import Any

#: For tests of single requests: the breaker never opens, because a slow moment of the machine is no fault of the third
#: party.
PATIENT: dict[str, Any] = {
    "total_s": 25.0,
    "attempt_s": 8.0,
    "connect_s": 5.0,
    "backoff_base_s": 0.01,
    "backoff_cap_s": 0.05,
    "retry_share": 1.0,
    "body_max_bytes": 100_000,
    "breaker": {"calls_min": 100_000, "unreachable_in_a_row": 1000},
}

#: The same, with short timeouts, for a third party that hangs.
HASTY: dict[str, Any] = PATIENT | {"total_s": 3.0, "attempt_s": 0.5, "connect_s": 0.4}

#: The breaker opens soon, and closes again soon.
QUICK: dict[str, Any] = PATIENT | {
    "breaker": {
        "window_s": 20,
        "calls_min": 5,
        "unreachable_in_a_row": 5,
        "doubted_calls": 0,
        "open_s": 0.5,
        "open_max_s": 0.5,
        "ramp_s": 0,
    }
}

NO_FALLBACK = {"X-Allow-Fallback": "false"}

#: An address where no server listens.
NOWHERE = "127.0.0.1:1"
