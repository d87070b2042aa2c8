"""Colours: one for each meaning, the same on every panel. They differ in brightness too, for readers who do not see
red."""

from collections.abc import Iterator

GOOD = "#3274D9"
ALSO_GOOD = "#8AB8FF"
DEGRADED = "#F2CC0C"
REJECTED = "#FF780A"
FAILED = "#E02F44"
ABANDONED = "#8E8E8E"
OTHER = "#B877D9"
#: For an inactive state.
QUIET = "rgba(142, 142, 142, 0.15)"
NONE = "transparent"

#: Colours of the values of a label, wherever the label appears.
BY_LABEL = {
    "outcome": {
        "good": GOOD, "degraded": DEGRADED, "rejected": REJECTED, "failed": FAILED, "abandoned": ABANDONED,
        "Applied": GOOD, "Superseded": ALSO_GOOD, "Duplicate": ABANDONED, "Rejected": REJECTED, "Retry": DEGRADED,
        "Dead": FAILED,
    },
    "result": {
        "success": GOOD, "timeout": REJECTED, "error": FAILED,
        "accepted": GOOD, "repeated": ALSO_GOOD, "reused": REJECTED, "busy": DEGRADED, "taken": ABANDONED,
        "unknown": OTHER, "refused": FAILED,
        "hit": GOOD, "in_process": ALSO_GOOD, "miss": DEGRADED,
    },
    "term": {
        "accepted": ABANDONED, "applied": GOOD, "rejected": REJECTED, "dead_lettered": FAILED, "discarded": OTHER,
        "in_flight": DEGRADED, "lost": FAILED,
    },
    "stage": {"accepted": ALSO_GOOD, "consumed": DEGRADED, "committed": GOOD},
    "stream": {"writes": GOOD, "dead_letters": FAILED},
    "state": {"planned": ABANDONED, "sent": DEGRADED, "over": GOOD},
    "attempt": {"first": GOOD, "again": DEGRADED},
}  # fmt: skip
#: Colours of lines whose name states their meaning.
BY_NAME = BY_LABEL["outcome"] | {
    "p50": ALSO_GOOD, "p95": GOOD, "p99": OTHER,
    "in": OTHER, "out": GOOD,
    "waiting": DEGRADED, "time left": ABANDONED,
    "over 20s": ALSO_GOOD, "over 2m": GOOD, "over 1m": "#CA95E5", "over 12m": "#8F3BB8",
    "good p50": ALSO_GOOD, "good p99": GOOD, "degraded p50": "#FFEE52", "degraded p99": "#E0B400",
}  # fmt: skip


def of(legend: str) -> Iterator[tuple[str, str]]:
    """Return (name of a line, its colour) for the lines that this legend can produce and whose meaning is known."""
    if legend in BY_NAME:
        yield legend, BY_NAME[legend]
    for label, meanings in BY_LABEL.items():
        field = "{{" + label + "}}"
        if field in legend and legend.count("{{") == 1:
            for value, colour in meanings.items():
                name = legend.replace(field, value)
                yield name, BY_NAME.get(name, colour)
