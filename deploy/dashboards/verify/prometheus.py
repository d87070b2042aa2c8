"""The part of Prometheus's HTTP API that dashboards use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from deploy.client.request import request

#: As many points as a wide panel has.
_POINTS_MAX = 1000
_STEP_MIN_S = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an answer."""

    labels: Mapping[str, str]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply. `error`: why there is no data; empty if there is."""

    error: str = ""
    lines: tuple[Line, ...] = ()
    values: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Span:
    """A time span, in Unix seconds."""

    from_s: float
    to_s: float

    @property
    def range_s(self) -> int:
        """Its length, rounded up to seconds."""
        return int(self.to_s - self.from_s) + 1

    @property
    def step_s(self) -> int:
        """Seconds between two points of its picture."""
        return max(_STEP_MIN_S, self.range_s // _POINTS_MAX)


class Prometheus:
    """The Prometheus at `host:port`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def over(self, expr: str, span: Span) -> Reply:
        """Run a range query, as a panel over time does."""
        payload = self._get("query_range", query=expr, start=span.from_s, end=span.to_s, step=span.step_s)
        return _read(payload)

    def at(self, expr: str, moment_s: float) -> Reply:
        """Run an instant query, as a table does."""
        return _read(self._get("query", query=expr, time=moment_s))

    def label_values(self, series: str, label: str, span: Span) -> Reply:
        """Return the values of a label, as a variable does."""
        parameters = {"match[]": series, "start": span.from_s, "end": span.to_s}
        payload = self._get(f"label/{label}/values", **parameters)
        return _read(payload) if payload.get("status") != "success" else Reply(values=tuple(payload["data"]))

    def targets(self) -> dict[str, bool]:
        """Return `job instance` -> whether it was reached."""
        payload = self._get("targets", state="active")
        active = payload.get("data", {}).get("activeTargets", [])
        return {f"{each['labels']['job']} {each['labels']['instance']}": each["health"] == "up" for each in active}

    def rules_evaluated(self) -> bool:
        """Return whether every recording and alerting rule has been evaluated, and none failed."""
        groups = self._get("rules").get("data", {}).get("groups", [])
        return bool(groups) and all(rule["health"] == "ok" for group in groups for rule in group["rules"])

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        response = request(self._address, "GET", f"/api/v1/{path}?{urlencode(parameters)}")
        if isinstance(response.body, dict) and "status" in response.body:
            return response.body
        return {"status": "error", "error": f"status {response.status}: {str(response.body)[:200]}"}


def _read(payload: Mapping[str, Any]) -> Reply:
    if payload["status"] != "success":
        return Reply(str(payload.get("error") or payload))
    result = payload["data"]["result"]
    if payload["data"]["resultType"] in ("scalar", "string"):
        return Reply(lines=(Line({}, (float(result[1]),)),))
    return Reply(lines=tuple(_line(each) for each in result))


def _line(series: Mapping[str, Any]) -> Line:
    points = series["values"] if "values" in series else [series["value"]]
    return Line(series["metric"], tuple(float(value) for _, value in points))
