"""Looks: what the system itself reports of a fault: breakers that opened, and alerts that fired."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from deploy.client.connections import Connections, address_of

#: Alerts that always fire.
_ALWAYS = {"HoldfastWatchdog", "Watchdog"}


async def opened_at(polling: Connections, breaker: str) -> list[float]:
    """Return the Unix seconds at which breakers with such a name, by its beginning or end, opened in any replica of any
    service."""
    response = await polling.request("GET", "/circuit-breaker/status")
    if response.status != 200:
        return []
    return openings(orjson.loads(response.body)["data"]["circuit_breakers"], breaker)


def openings(breakers: Iterable[Mapping[str, Any]], name: str) -> list[float]:
    """Return the same from status reports. A failed probe is no opening. In a long outage probes crowd the opening out
    of the list of transitions; then it is in `opened`."""
    return [
        datetime.fromisoformat(change["at"]).timestamp()
        for one in breakers
        if one["name"].startswith(name) or one["name"].endswith(name)
        for change in (one["opened"], *one["transitions"])
        if change and (change["origin"], change["to"]) == ("closed", "open")
    ]


async def alerts_at(prometheus: str) -> list[float]:
    """Return the Unix seconds since when alerts are pending or firing, or nothing if Prometheus cannot be reached."""
    if not prometheus:
        return []
    connections = Connections(address_of(prometheus), timeout_s=2.0)
    try:
        response = await connections.request("GET", "/api/v1/alerts")
    finally:
        connections.close()
    if response.status != 200:
        return []
    alerts: list[Mapping[str, Any]] = orjson.loads(response.body)["data"]["alerts"]
    return [
        datetime.fromisoformat(alert["activeAt"]).timestamp()
        for alert in alerts
        if alert["labels"].get("alertname") not in _ALWAYS
    ]
