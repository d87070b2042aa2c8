"""The stand-in third party, well-behaved: it answers at once, and always."""

from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def data(request: Request) -> JSONResponse:
    """What a client comes for."""
    return JSONResponse({"source": "stand-in third party", "at": datetime.now(UTC).isoformat(timespec="milliseconds")})


async def livez(request: Request) -> JSONResponse:
    """Whether it is there."""
    return JSONResponse({"status": "ok"})


def make_app() -> Starlette:
    """A new application."""
    return Starlette(routes=[Route("/data", data), Route("/livez", livez)])
