"""Degraded: an answer from a copy, which says so in every way that somebody may look for."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from shared import metrics
from shared.cache.copies import Copy
from shared.errors import AppError, CircuitOpen
from shared.http.envelope import failure, precise, success


def degraded(
    request: Request, instead_of: AppError, copy: Copy, data: Any, name: str, meta: dict[str, Any]
) -> Response:
    """While the breaker is open: the mission's circuit-breaker answer, with the copy as `fallback_data[name]`.
    Before that: the copy as `data`, marked stale. Both are 200, and no cache on the way may keep them."""
    age_s = copy.age_s
    as_of = precise(datetime.fromtimestamp(copy.as_of, UTC))
    metrics.fallback_served.labels(instead_of.code).inc()
    metrics.fallback_age.observe(age_s)
    headers = {
        "Age": str(int(age_s)),
        "Cache-Status": f"holdfast; hit; detail={instead_of.code.lower()}",
        "X-Degraded": f"stale;reason={instead_of.code.lower()}",
        "Cache-Control": "no-cache",
    }
    if isinstance(instead_of, CircuitOpen):
        fallback = {name: data, "cache_age": in_words(age_s), "as_of": as_of, "meta": meta}
        return failure(instead_of, request, headers, fallback=fallback)
    about = {"source": "cache", "stale": True, "as_of": as_of, "age_s": round(age_s, 3)}
    return success(data, meta=meta | about, headers=headers)


def in_words(age_s: float) -> str:
    """`"2 minutes"`."""
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count = int(age_s // seconds)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "0 seconds"
