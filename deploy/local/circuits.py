"""Circuits: shows every circuit breaker of the running system as the api reports it, on one line, with a second line
that says why it is not closed."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deploy.client.request import bearer, request
from deploy.local.output import echo
from deploy.local.services import address
from deploy.local.settings import saved

_TIMEOUT_S = 5.0
_COLOURS = {"closed": "32", "half_open": "33", "open": "31", "stale": "2"}
_COLUMNS = ("breaker", "service", "replica", "state", "since", "probe")


def show() -> int:
    """Print the table of this clone's stack, or of API=url (with KEY=... if it requires one). Return exit code 1 if the
    api does not respond."""
    url = os.environ.get("API") or f"http://{address(saved(), 'api')}"
    try:
        data = _fetch(url, os.environ.get("KEY", ""))
    except (ValueError, KeyError, TypeError) as error:
        echo(f"The api at {url} gives no status: {error}")
        return 1
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    echo("\n".join(table(data, datetime.now(UTC), colour=colour)))
    return 0


def table(data: Mapping[str, Any], now: datetime, *, colour: bool) -> list[str]:
    """Return the lines of the table. `data`: of the response."""
    breakers = data["circuit_breakers"]
    rows = [_COLUMNS, *(_row(one, now) for one in breakers)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    lines = []
    for row, why in zip(rows, ["", *(_why(one, now) for one in breakers)], strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        code = _COLOURS.get(row[3].partition(" ")[0])
        if colour and code:
            cells[3] = f"\x1b[{code}m{cells[3]}\x1b[0m"
        lines += ["  ".join(cells).rstrip(), *([f"    {why}"] if why else [])]
    counts = ", ".join(f"{count} {state.replace('_', '-')}" for state, count in data["summary"].items())
    return [*lines, "", counts, *([] if data["others"] == "reported" else [data["others"]])]


def _fetch(url: str, key: str) -> dict[str, Any]:
    response = request(url.rstrip("/"), "GET", "/circuit-breaker/status", None, bearer(key), _TIMEOUT_S)
    if response.status != 200:
        error = response.body["error"]
        raise ValueError(f"{response.status or 'no response:'} {error.get('message') or error.get('code')}")
    data: dict[str, Any] = response.body["data"]
    return data


def _row(one: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    stale = one["report"]["stale"]
    state = one["state"].replace("_", "-")
    return (
        one["name"],
        one["service"],
        one["instance"],
        f"stale (was {state})" if stale else one["state"],
        _ago(one["since"], now),
        _in(one["next_probe_at"], now),
    )


def _why(one: Mapping[str, Any], now: datetime) -> str:
    """Return the operator's override, or else the reason why it opened, while that still applies, or an empty text."""
    if imposed := one["imposed"]:
        until = _in(imposed["until"], now)
        return f"{imposed['override']} by {imposed['actor']}, ends {until}: {imposed['reason']}"
    if one["state"] == "closed" or not one["opened"]:
        return "ramping up" if one["admitted_share"] < 1 and one["state"] == "closed" else ""
    opened = one["opened"]
    counts = opened["counts"]
    why = str(opened["why"])
    if why in ("failure_share", "slow_share"):
        why += f": {counts['failures']} failed, {counts['slow']} slow of {counts['calls']}"
    if one.get("refusal"):
        why += f"; it answers, and refuses: {one['refusal']}"
    return why


def _ago(moment: str, now: datetime) -> str:
    return _seconds((now - datetime.fromisoformat(moment)).total_seconds())


def _in(moment: str | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = (datetime.fromisoformat(moment) - now).total_seconds()
    return f"in {_seconds(seconds)}" if seconds > 0 else "now"


def _seconds(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
