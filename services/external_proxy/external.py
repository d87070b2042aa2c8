"""External: serves `/external`: the third party's data, or a fallback that is marked as one."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.external_proxy import openapi
from holdfast.services.external_proxy.live import Live
from holdfast.services.external_proxy.third_party import ThirdParty, ThirdPartyRequest
from holdfast.shared.cache.last_good import LastGood
from holdfast.shared.errors import AppError, InvalidIdempotencyKey, MalformedJson, UpstreamRefused
from holdfast.shared.http.asked import combined
from holdfast.shared.http.body import read_body
from holdfast.shared.http.degraded import copies_allowed, degraded
from holdfast.shared.http.envelope import success
from holdfast.shared.http.propagated import propagated
from holdfast.shared.runtime.documents import parse
from holdfast.shared.runtime.timestamps import precise

_PATH = "/data"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def add_routes(app: FastAPI, third_party: ThirdParty, last_good: LastGood, live: Live) -> None:
    """Add the routes of `/external`. Reads have a fallback; writes cannot have one."""

    @app.get("/external", **openapi.READ)
    async def get_external(request: Request) -> Response:
        try:
            answer = await third_party.ask(ThirdPartyRequest("read", "GET", _PATH, propagated(request)))
        except AppError as error:
            instead = _instead(request, error, last_good, live)
            if instead is None:
                raise
            return instead
        last_good.keep(answer.raw, answer.asked_at)
        meta = {"source": "third_party", "stale": False, "fallback": _fallback(False)}
        return success(request, orjson.Fragment(answer.raw), meta=meta)

    @app.post("/external", **openapi.WRITE)
    async def send_external(request: Request) -> Response:
        body = await read_body(request)
        try:
            parse(body)
        except orjson.JSONDecodeError as error:
            raise MalformedJson from error
        headers = propagated(request) | {"Content-Type": "application/json"} | _idempotency_key(request)
        answer = await third_party.ask(ThirdPartyRequest("write", "POST", _PATH, headers, body))
        status = answer.status if answer.status in (200, 201) else 200
        return success(request, orjson.Fragment(answer.raw), status=status)


def _instead(request: Request, error: AppError, last_good: LastGood, live: Live) -> Response | None:
    """Return the fallback: the last good answer, else the configured default, else None."""
    rules = live.config.fallback
    # No fallback replaces the answer of a third party that works and refused the request.
    if not (rules.allowed and copies_allowed(request)) or isinstance(error, UpstreamRefused):
        return None
    kept = last_good.get(rules.max_age_s)
    if kept is not None:
        meta = {"fallback": _fallback(True, "last_good", kept.as_of, error.code)}
        return degraded(request, error, kept.as_of, orjson.Fragment(kept.raw), "cached_data", meta, source="last_good")
    if rules.default is not None:
        meta = {"fallback": _fallback(True, "default", None, error.code)}
        return degraded(request, error, None, rules.default, "cached_data", meta, source="default")
    return None


def _fallback(
    used: bool, kind: str | None = None, as_of: float | None = None, reason: str | None = None
) -> dict[str, Any]:
    moment = None if as_of is None else precise(datetime.fromtimestamp(as_of, UTC))
    age_s = None if as_of is None else round(max(0.0, time.time() - as_of), 3)
    return {"used": used, "kind": kind, "as_of": moment, "age_s": age_s, "reason": reason}


def _idempotency_key(request: Request) -> dict[str, str]:
    raw = combined(request.scope).get(b"idempotency-key")
    if raw is None:
        return {}
    key = raw.decode("latin-1")
    if not _KEY.fullmatch(key):
        constraint = "must be 1 to 255 visible ASCII characters"
        raise InvalidIdempotencyKey(details={"field": "Idempotency-Key", "value": None, "constraint": constraint})
    return {"Idempotency-Key": key}
