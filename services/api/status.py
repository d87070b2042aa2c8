"""`/circuit-breaker/status`, and `/panic`, which shows on a demo what becomes of a crash."""

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.api import openapi
from services.api.breakers import Breakers
from shared.breaker.breaker import Breaker
from shared.errors import NoSuchPath
from shared.http.envelope import success


def add_routes(app: FastAPI, breakers: Breakers, *, instance: str, demo: bool) -> None:
    """Both routes; `/panic` answers 404 outside the demo profile."""

    @app.get("/circuit-breaker/status", **openapi.BREAKERS)
    async def circuit_breaker_status(_: Request) -> Response:
        told = [describe(breaker) | {"service": "api", "instance": instance} for breaker in breakers.all()]
        return success({"circuit_breakers": told}, headers={"Cache-Control": "no-store"})

    @app.get("/panic", **openapi.PANIC)
    async def panic(_: Request) -> Response:
        if not demo:
            raise NoSuchPath(details={"path": "/panic"})
        raise RuntimeError("a bug, on request")


def describe(breaker: Breaker) -> dict[str, Any]:
    """One breaker: its state, since when and why, when it will probe, and its last transitions. Times in UTC."""
    return {"name": breaker.name, **asdict(breaker.snapshot())}
