"""Moments: times and sizes as text for people. Pure."""

from datetime import UTC, datetime

from holdfast.shared.runtime.timestamps import utc_now

_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"))


def parsed(moment: str) -> datetime:
    """Parse a moment as answers write it."""
    return datetime.fromisoformat(moment)


def age_s(moment: str, now: datetime | None = None) -> float:
    """Return the seconds since a moment."""
    return ((now or utc_now()) - parsed(moment)).total_seconds()


def ago(moment: str, now: datetime | None = None) -> str:
    """Return `3 min ago`, or `in 3 min` for the future."""
    try:
        seconds = age_s(moment, now)
    except (ValueError, OverflowError):
        return "at an unknown time"
    if seconds < -1.5:
        return f"in {lasting(round(-seconds))}"
    return "just now" if seconds < 1.5 else f"{lasting(round(seconds))} ago"


def lasting(seconds: float) -> str:
    """Return a duration: `3 min`. A unit is used from two of it on, so that rounding loses little."""
    for step_s, name in _STEPS:
        if seconds >= 2 * step_s:
            return f"{seconds / step_s:.0f} {name}"
    if seconds < 0.1:
        return "0 s"
    return f"{round(seconds, 1 if seconds < 10 else 0):g} s"


def clock(moment: str) -> str:
    """Return the moment in UTC: `2026-01-15 10:30:00`."""
    try:
        return parsed(moment).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return moment


def to_type_in(moment: str) -> str:
    """Return a moment for a field of a date and time, which has no offset and is in UTC: `2026-01-15T10:30:00.000`.
    Return other text unchanged."""
    try:
        at = parsed(moment)
        return (at.astimezone(UTC) if at.tzinfo else at).replace(tzinfo=None).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return moment


def size(count: int) -> str:
    """Return a size: `12.0 KiB`."""
    for step, name in ((2**20, "MiB"), (2**10, "KiB")):
        if count >= step:
            return f"{count / step:.1f} {name}"
    return f"{count} bytes"
