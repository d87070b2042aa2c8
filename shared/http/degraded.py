"""Degraded answers: answers from a copy or a default, marked as such in headers, body and metrics."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.errors import AppError
from holdfast.shared.http.envelope import Fallback, failure
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import decided
from holdfast.shared.telemetry.logs import Action


def degraded(
    request: Request,
    instead_of: AppError,
    as_of: float | None,
    data: Any,
    name: str,
    meta: Mapping[str, Any],
    *,
    source: str = "cache",
) -> Response:
    """Return the circuit-breaker answer with `data` as of `as_of`, whether the breaker is open or not.

    `as_of`: Unix seconds; None if the data are a configured default. The data are also in `fallback_data[name]`, and
    `meta` marks them. The answer is a 200 that no intermediate cache may keep.
    """
    request.scope["degraded"] = True
    request.scope["failed"] = (instead_of.type, instead_of.code, instead_of.dependency)
    reason = instead_of.code.lower()
    metrics.fallback_served.labels(instead_of.code).inc()
    headers = {
        "Cache-Status": f"holdfast; hit; detail={reason}",
        "X-Degraded": f"stale;reason={reason}" if as_of is not None else f"{source};reason={reason}",
        "Cache-Control": "no-cache",
    }
    age_s = moment = None
    if as_of is not None:
        age_s = max(0.0, time.time() - as_of)
        moment = precise(datetime.fromtimestamp(as_of, UTC))
        metrics.fallback_age.observe(age_s)
        headers["Age"] = str(int(age_s))
    decided(
        Action.FALLBACK_SERVED,
        source=source,
        instead_of=instead_of.code,
        age_s=None if age_s is None else round(age_s, 3),
    )
    about = {
        "source": source,
        "stale": True,
        "as_of": moment,
        "age_s": None if age_s is None else round(age_s, 3),
    }
    named = {name: data, "cache_age": None if age_s is None else in_words(age_s), "as_of": moment}
    return failure(instead_of, request, headers, fallback=Fallback(data, {**meta, **about}, named))


def copies_allowed(request: Request) -> bool:
    """Return whether the caller accepts a copy. Return False if it prefers an error (`X-Allow-Fallback: false`)."""
    return "no_copies" not in request.scope


def in_words(age_s: float) -> str:
    """Return an age in words: `"2 minutes"`."""
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count = int(age_s // seconds)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "0 seconds"
