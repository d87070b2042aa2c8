"""Roster: the replicas' reports of their breakers, and the age of each report. Pure: time is an argument.

A replica without a recent report is shown as stale, because its breakers may have changed; later it is removed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.shared.errors import OverBudget
from holdfast.shared.runtime import documents
from holdfast.shared.runtime.time_budgets import REPORT_GONE_S, REPORT_STALE_S


class Seen(NamedTuple):
    """One replica's breakers as of `reported_at`, on this process's monotonic clock."""

    service: str
    instance: str
    reported_at: float
    breakers: list[dict[str, Any]]


def member_key(service: str, instance: str) -> str:
    """Return the key of a replica on the board."""
    return f"{service}/{instance}"


class Roster:
    """The reports that this process read last, except its own, for which it has newer data."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._seen: dict[str, Seen] = {}
        self.read_at: float | None = None

    def read(self, reports: Mapping[bytes, bytes], board_s: float, now: float) -> list[bytes]:
        """Take over the reports, read at `board_s` by the board's clock and `now` by ours. Return the keys of replicas
        to remove from the board."""
        self.read_at = now
        self._seen = {}
        gone = []
        for key, value in reports.items():
            member = key.decode(errors="replace")
            stamp, breakers = parse(value)
            age_s = max(0.0, board_s - stamp)
            if age_s > REPORT_GONE_S:
                gone.append(key)
            elif member != self._own:
                service, _, instance = member.partition("/")
                self._seen[member] = Seen(service, instance, now - age_s, breakers)
        return gone

    def shown(self, now: float) -> list[dict[str, Any]]:
        """Return every breaker of the replicas that are not gone, with the age of its report."""
        return [
            breaker | about(seen.service, seen.instance, now - seen.reported_at)
            for seen in self._seen.values()
            if now - seen.reported_at <= REPORT_GONE_S
            for breaker in seen.breakers
        ]


def about(service: str, instance: str, age_s: float) -> dict[str, Any]:
    """Return the replica that a breaker belongs to, and the age of its report."""
    report = {"age_s": round(age_s, 3), "stale": age_s > REPORT_STALE_S}
    return {"service": service, "instance": instance, "report": report}


def parse(value: bytes) -> tuple[float, list[dict[str, Any]]]:
    """Parse a report. Return its time in Unix seconds of the board's clock, and its breakers. An invalid report, which
    another build may have written, has no breakers and the time 0."""
    try:
        reported_us, _, body = value.partition(b" ")
        report = documents.parse(body)
        breakers = [each for each in report if isinstance(each["name"], str) and isinstance(each["state"], str)]
        return int(reported_us) / 1e6, breakers
    except (ValueError, TypeError, KeyError, OverflowError, OverBudget):
        return 0.0, []
