"""Watch: when each alert began to fire, and when it ended, as the stack's Prometheus reports it."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

_POLL_S = 0.25


class Watch:
    """Polls Prometheus. `seen`: alert -> seconds from `begin` until it was first seen firing."""

    def __init__(self, prometheus: str) -> None:
        self._address = prometheus
        self._began = time.monotonic()
        self.seen: dict[str, float] = {}

    def begin(self) -> None:
        """Count seconds from now, and forget what was seen."""
        self._began = time.monotonic()
        self.seen = {}

    def until(self, enough: Callable[[set[str]], bool], within_s: float) -> float | None:
        """Watch until `enough` accepts the set of firing alerts. Return the seconds that it took, or None if the time
        limit was reached."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            firing = self.firing()
            for name in firing:
                self.seen.setdefault(name, time.monotonic() - self._began)
            if enough(firing):
                return time.monotonic() - began
            time.sleep(_POLL_S)
        return None

    def firing(self) -> set[str]:
        """Return the firing alerts as `name severity`, without the Watchdog."""
        alerts = self._get("/alerts")["alerts"]
        return {
            f"{alert['labels']['alertname'].removeprefix('Holdfast')} {alert['labels']['severity']}"
            for alert in alerts
            if alert["state"] == "firing" and alert["labels"]["alertname"] != "HoldfastWatchdog"
        }

    def targets(self) -> dict[str, bool]:
        """Return `job/instance` -> whether the target is up."""
        found = self._get("/query?query=up")["result"]
        return {f"{one['metric']['job']}/{one['metric']['instance']}": one["value"][1] == "1" for one in found}

    def _get(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            connection.request("GET", f"/api/v1{path}")
            data: dict[str, Any] = json.load(connection.getresponse())["data"]
            return data
        finally:
            connection.close()
