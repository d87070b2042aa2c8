"""Timestamps: the current time, the text form of a moment, and Unix seconds in untrusted input that `datetime` can
represent."""

import time
from datetime import UTC, datetime
from typing import Annotated

import orjson
from pydantic import Field

#: One day before the end of `datetime`'s range, so that it is valid in every time zone.
_LAST_S = datetime(9999, 12, 30, tzinfo=UTC).timestamp()

#: Seconds since the epoch.
UnixSeconds = Annotated[float, Field(ge=0, le=_LAST_S, allow_inf_nan=False)]


#: The length of `2026-01-15T10:30:00.123456`.
_WITHOUT_OFFSET = 26


def utc_now() -> datetime:
    """Return the current time, by the clock that all other code reads."""
    return datetime.fromtimestamp(time.time(), UTC)


def timestamp(moment: datetime | None = None) -> str:
    """Return `2026-01-15T10:30:00Z`, in UTC; now by default."""
    return (moment or utc_now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise(moment: datetime | None = None) -> str:
    """Return `2026-01-15T10:30:00.123456Z`, in UTC; now by default."""
    moment = moment or utc_now()
    if moment.tzinfo is UTC and moment.microsecond:  # orjson writes a whole second without a fraction
        return orjson.dumps(moment, option=orjson.OPT_UTC_Z)[1:-1].decode()
    return moment.isoformat(timespec="microseconds")[:_WITHOUT_OFFSET] + "Z"


def unix_seconds(moment: datetime) -> float | None:
    """Return the Unix seconds of a moment, in UTC unless it has a time zone. Return None if out of range."""
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds if 0 <= seconds <= _LAST_S else None
