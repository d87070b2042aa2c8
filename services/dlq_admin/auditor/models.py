"""Models: the ledger as API answers show it."""

from collections.abc import Callable

from holdfast.services.dlq_admin.auditor.auditor import Reading
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.shared.writes.versions import to_datetime

LastReading = Callable[[], Reading | None]


class LedgerReading(ResponseModel):
    """Where every accepted write is, as of `as_of`. `missing` is 0 while the ledger balances; below 0, the stores hold
    more than was accepted, which is no loss. `horizon` is null if nothing was ever removed. Calculated values may be
    below 0 if the stores contradict one another, and are shown unchanged."""

    accepted: int
    applied: Count
    rejected: Count
    dead_lettered: Count
    discarded: Count
    in_flight: Count
    lost: int
    accounted: int
    missing: int
    entries: Count
    replayed: Count
    duplicates: Count
    direct: Count
    imported: Count
    kept: Count
    open: Count
    purged: Count
    horizon: Moment | None
    epoch: Count
    carried: int
    as_of: Moment
    took_s: float


def ledger_reading(reading: Reading) -> LedgerReading:
    """Return a reading of the auditor as a response."""
    ledger = reading.ledger
    return LedgerReading.from_source(
        ledger,
        horizon=to_datetime(ledger.horizon) if ledger.horizon else None,
        as_of=reading.at_s,
        took_s=round(reading.took_s, 3),
    )
