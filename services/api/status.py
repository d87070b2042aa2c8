"""Status: serves `/circuit-breaker/status`, and `/panic`, which shows on a demo how a crash is answered."""

from collections import Counter
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import openapi
from holdfast.shared.errors import NoSuchPath
from holdfast.shared.fleet.board import Board
from holdfast.shared.http.envelope import success
from holdfast.shared.resilience.breaker.snapshot import State


def add_routes(app: FastAPI, board: Board, *, demo: bool) -> None:
    """Add both routes; `/panic` answers 404 outside the demo profile."""

    @app.get("/circuit-breaker/status", **openapi.BREAKERS)
    async def circuit_breaker_status(request: Request) -> Response:
        breakers = sorted(board.breakers(), key=lambda one: (one["service"], one["name"], one["instance"]))
        status = {
            "summary": summary(breakers),
            "circuit_breakers": breakers,
            "others": "reported" if board.reachable else "board unreachable: what was reported last",
        }
        return success(request, status)

    @app.get("/panic", include_in_schema=False)
    async def panic(_: Request) -> Response:
        if not demo:
            raise NoSuchPath(details={"path": "/panic"})
        raise RuntimeError("a bug, on request")


def summary(breakers: list[dict[str, Any]]) -> dict[str, int]:
    """Count the breakers by state. A breaker whose report is stale counts as `stale` only: its state is uncertain."""
    counts = Counter("stale" if one["report"]["stale"] else one["state"] for one in breakers)
    return {name: counts[name] for name in (*(state.value for state in State), "stale")}
