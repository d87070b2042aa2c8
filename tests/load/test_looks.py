"""Polling of what the system reports: when breakers opened."""

from datetime import UTC, datetime
from typing import Any

from deploy.load.looks import openings


def _change(at_s: int, origin: str, to: str) -> dict[str, Any]:
    return {"at": datetime.fromtimestamp(at_s, UTC).isoformat(), "origin": origin, "to": to}


def _breaker(name: str, opened: dict[str, Any] | None, *transitions: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "opened": opened, "transitions": transitions}


def test_a_failed_probe_is_no_opening() -> None:
    """Failed probes are not counted as openings, even in an outage so long that the transitions hold nothing but
    probes."""
    probes = [_change(at, *change) for at in (5, 6) for change in (("open", "half_open"), ("half_open", "open"))]
    assert openings([_breaker("host read", _change(1, "closed", "open"), *probes)], " read") == [1.0]


def test_what_opened_and_closed_again_did_open() -> None:
    """A breaker that opened and closed again is counted in each replica; other breakers are not counted."""
    healed = _breaker("database", None, _change(2, "closed", "open"), _change(3, "half_open", "closed"))
    assert openings([healed, healed, _breaker("queue", _change(4, "closed", "open"))], "database") == [2.0, 2.0]
