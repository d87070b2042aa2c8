"""Looks: what the system itself says of a fault: breakers that opened, alerts that came."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from deploy.load.wire import Connections, address_of

#: Alerts that are always there.
_ALWAYS = {"HoldfastWatchdog", "Watchdog"}


async def opened_at(asking: Connections, breaker: str) -> list[float]:
    """Unix seconds in which breakers opened whose name begins or ends like this, in any replica of any service."""
    answer = await asking.request("GET", "/circuit-breaker/status")
    if answer.status != 200:
        return []
    return [
        datetime.fromisoformat(transition["at"]).timestamp()
        for one in orjson.loads(answer.body)["data"]["circuit_breakers"]
        if one["name"].startswith(breaker) or one["name"].endswith(breaker)
        for transition in one["transitions"]
        if transition["to"] == "open" and transition["origin"] != "open"
    ]


async def alerts_at(prometheus: str) -> list[float]:
    """Unix seconds since when alerts are pending or firing; empty where there is no Prometheus."""
    if not prometheus:
        return []
    connections = Connections(address_of(prometheus), timeout_s=2.0)
    try:
        answer = await connections.request("GET", "/api/v1/alerts")
    finally:
        connections.close()
    if answer.status != 200:
        return []
    alerts: list[Mapping[str, Any]] = orjson.loads(answer.body)["data"]["alerts"]
    return [
        datetime.fromisoformat(alert["activeAt"]).timestamp()
        for alert in alerts
        if alert["labels"].get("alertname") not in _ALWAYS
    ]
