"""Moments: times that other people tell, as long as a calendar can show them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

#: The last whole day of the calendar is left to time zones.
_LAST_S = datetime(9999, 12, 30, tzinfo=UTC).timestamp()

#: Seconds since the epoch.
UnixSeconds = Annotated[float, Field(ge=0, le=_LAST_S, allow_inf_nan=False)]


def unix_seconds(moment: datetime) -> float | None:
    """Of a moment, in UTC unless it says otherwise; None: before the epoch, or at the very end of the calendar."""
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return seconds if 0 <= seconds <= _LAST_S else None
