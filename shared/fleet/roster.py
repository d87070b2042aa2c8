"""Roster: who has reported which breakers, and how long ago. Pure: time comes in.

A replica that is silent is shown as stale, because its breakers may have moved; and after a while it is gone.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from holdfast.shared.errors import OverBudget
from holdfast.shared.runtime import documents
from holdfast.shared.runtime.time_budgets import REPORT_GONE_S, REPORT_STALE_S


class Seen(NamedTuple):
    """One replica's breakers as they were at `spoke_at`, on this process's monotonic clock."""

    service: str
    instance: str
    spoke_at: float
    breakers: list[dict[str, Any]]


def member_key(service: str, instance: str) -> str:
    """A replica's name on the board."""
    return f"{service}/{instance}"


class Roster:
    """The reports that this process has read last; its own is left out, as it knows better."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._seen: dict[str, Seen] = {}
        self.read_at: float | None = None

    def read(self, reports: Mapping[bytes, bytes], board_s: float, now: float) -> list[bytes]:
        """Take in the board as it is at `board_s` by its own clock, `now` by ours. Returns who is gone from it."""
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
        """Every breaker of everybody who is not gone, with the age of what is known of it."""
        return [
            breaker | about(seen.service, seen.instance, now - seen.spoke_at)
            for seen in self._seen.values()
            if now - seen.spoke_at <= REPORT_GONE_S
            for breaker in seen.breakers
        ]


def about(service: str, instance: str, age_s: float) -> dict[str, Any]:
    """Whose breaker it is and how old the news of it are."""
    report = {"age_s": round(age_s, 3), "stale": age_s > REPORT_STALE_S}
    return {"service": service, "instance": instance, "report": report}


def parse(value: bytes) -> tuple[float, list[dict[str, Any]]]:
    """A report: when it was written, in Unix seconds of the board's clock, and its breakers. What another build may
    have written and makes no sense here has none, and is as old as can be."""
    try:
        told_us, _, body = value.partition(b" ")
        told = documents.parse(body)
        breakers = [each for each in told if isinstance(each["name"], str) and isinstance(each["state"], str)]
        return int(told_us) / 1e6, breakers
    except (ValueError, TypeError, KeyError, OverflowError, OverBudget):
        return 0.0, []
