"""Prometheus: the client for the dashboards' queries. A few run at once, each with a timeout."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from holdfast.services.dlq_admin.live import series
from holdfast.services.dlq_admin.live.series import Grid, Series
from holdfast.shared.http.client import BadAnswer, HttpClient, Limits

#: How many queries are sent at once.
AT_ONCE = 6
_CONNECT_S = 1.0
_BODY_MAX_BYTES = 8 * 2**20
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Refused(Exception):
    """Prometheus rejected the query. The text is its error."""


class Prometheus:
    """A client of the Prometheus at one base URL. `timeout_s`: for one query."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._client = HttpClient("prometheus", url, in_flight_max=AT_ONCE)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._limits = Limits(timeout_s, min(_CONNECT_S, timeout_s), _BODY_MAX_BYTES)

    async def over(self, query: str, grid: Grid) -> list[Series]:
        """Return series with a value for each time of the grid. Raises CallFailed, Refused."""
        asked = {"start": grid.start_s, "end": grid.end_s, "step": grid.step_s}
        return _understood(await self._ask("/api/v1/query_range", query, asked), grid)

    async def at(self, query: str, moment_s: float) -> list[Series]:
        """Return series with one value each. Raises CallFailed, Refused."""
        return _understood(await self._ask("/api/v1/query", query, {"time": moment_s}), None)

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def _ask(self, path: str, query: str, more: Mapping[str, float]) -> Any:
        form = urlencode({"query": query, "timeout": f"{self._limits.total_s * 1000:.0f}ms", **more})
        async with self._room:
            answer = await self._client.call("POST", path, self._limits, _FORM, form.encode())
        document = answer.document if isinstance(answer.document, dict) else {}
        if answer.status in (400, 422) and "error" in document:
            raise Refused(str(document["error"])[:300])
        if answer.status != 200 or document.get("status") != "success":
            raise BadAnswer("protocol")
        return document.get("data")


def _understood(data: Any, grid: Grid | None) -> list[Series]:
    """Return the series of an answer. Raises BadAnswer, Refused."""
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [Series({}, [series.number(result[1])])]
        if kind not in ("vector", "matrix"):
            raise Refused(f"the query gives a {kind}")
        return series.now(result) if grid is None else series.over(result, grid)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise BadAnswer("protocol") from error
