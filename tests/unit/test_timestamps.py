"""The format of timestamps."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.shared.runtime.timestamps import precise

_MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - the zone is added below


@given(_MOMENTS)
@example(datetime(2026, 1, 15, 10, 30))  # noqa: DTZ001 - as above
def test_a_moment_has_its_microseconds_whatever_they_are(naive: datetime) -> None:
    """A timestamp is written as Python writes it with microseconds and a `Z`, with and without a zone, even for a whole
    second."""
    written = naive.isoformat(timespec="microseconds") + "Z"
    assert precise(naive) == precise(naive.replace(tzinfo=UTC)) == written
