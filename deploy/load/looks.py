"""Looks: what the system itself reports of a fault: breakers that opened, alerts that fired."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from deploy.client.connections import Connections, address_of

#: Alerts that always fire.
_ALWAYS = {"HoldfastWatchdog", "Watchdog"}


async def opened_at(polling: Connections, breaker: str) -> list[float]:
    """Unix seconds at which breakers opened whose name begins or ends like this, in any replica of any service."""
    response = await polling.request("GET", "/circuit-breaker/status")
    if response.status != 200:
        return []
    return [
        datetime.fromisoformat(transition["at"]).timestamp()
        for one in orjson.loads(response.body)["data"]["circuit_breakers"]
        if one["name"].startswith(breaker) or one["name"].endswith(breaker)
        for transition in one["transitions"]
        if transition["to"] == "open" and transition["origin"] != "open"
    ]


async def alerts_at(prometheus: str) -> list[float]:
    """Unix seconds since when alerts are pending or firing; empty where Prometheus cannot be reached."""
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
