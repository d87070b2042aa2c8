"""Simulated: the faults of `make simulate` that match a cell, by their names in tests/simulation/kinds.py."""

from collections.abc import Mapping

from deploy.failure_modes.cell import Mode

_STORE = {Mode.GONE: ("die",), Mode.HANGING: ("stall",), Mode.FULL: ("fill",), Mode.READ_ONLY: ("read_only",)}
_PROCESS = {Mode.GONE: ("stop",), Mode.HANGING: ("freeze",), Mode.FLAPPING: ("kill",)}

SIMULATED: Mapping[str, Mapping[Mode, tuple[str, ...]]] = {
    "database": {
        **_STORE, Mode.ERRORS: ("number", "deadlock", "refuse_commit"), Mode.HALF_CUT_OFF: ("lose_answer",),
        Mode.FLAPPING: ("sessions",),
    },
    "queue": {
        **_STORE, Mode.ERRORS: ("loading",), Mode.WRONG: ("poison", "junk", "junk_letter", "ahead", "twice"),
        Mode.FORGETTING: ("lose_last", "wipe"),
    },
    "cache": {**_STORE, Mode.ERRORS: ("loading",), Mode.FORGETTING: ("wipe_cache",)},
    "api": _PROCESS,
    "writer": {**_PROCESS, Mode.FORGETTING: ("kill_at_commit",)},
    "dlq_admin": _PROCESS,
    "clock": {Mode.FLAPPING: ("clock_jump",), Mode.SLOW: ("clock_drift",)},
    "network": {
        Mode.GONE: ("refuse",), Mode.HANGING: ("hang", "hang_road"), Mode.SLOW: ("slow",),
        Mode.ERRORS: ("cut", "cut_road"), Mode.HALF_CUT_OFF: ("half",),
    },
    "operator": {Mode.GONE: ("orphans",), Mode.HANGING: ("lock_wait",)},
}  # fmt: skip
