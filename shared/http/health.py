"""Health: what a service knows about itself. Answered without any I/O, so that a hung dependency cannot block it.

`/livez` covers this process alone. `/readyz` reports whether the process is useful; an outage of a dependency does not
change that. `/health` combines both, in detail.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.http.document import FLAG, TEXT, an_object, answer, one_of
from holdfast.shared.http.envelope import success
from holdfast.shared.resilience import failure_reporter
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.runtime.build import build_id

Check = Callable[[], tuple[bool, str]]


def closed(breaker: Breaker) -> Check:
    """Return a check that is fine while a breaker is closed."""

    def check() -> tuple[bool, str]:
        state = breaker.state
        return state is State.CLOSED, detail_of(state.value, breaker)

    return check


def detail_of(state: str, breaker: Breaker) -> str:
    """Return the state, and the dependency's refusal if it answers with one."""
    return f"{state}: it answers, and refuses: {breaker.refusal}" if breaker.refusal else state


@dataclass(slots=True)
class Health:
    """The health endpoints of a service. Checks are named functions `() -> (fine, detail)`. Only `live` and `ready`
    decide the status code."""

    service: str
    live: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)
    #: Only shown: the state of dependencies.
    shown: dict[str, Check] = field(default_factory=dict)

    def add_routes(self, app: FastAPI) -> None:
        """Add `/livez`, `/readyz` and `/health`."""

        @app.get("/livez", tags=["health"], summary="Check whether this process is alive", responses=_RESPONSES)
        async def get_livez(request: Request) -> Response:
            return self._answer(request, self.live)

        @app.get(
            "/readyz", tags=["health"], summary="Check whether this process can do useful work", responses=_RESPONSES
        )
        async def get_readyz(request: Request) -> Response:
            return self._answer(request, self.live | self.ready)

        @app.get(
            "/health",
            tags=["health"],
            summary="Show the state of this process and of its dependencies",
            responses=_RESPONSES,
        )
        async def get_health(request: Request) -> Response:
            return self._answer(request, self.live | self.ready, self.shown | {"loops": failure_reporter.check})

    def _answer(self, request: Request, decisive: dict[str, Check], shown: dict[str, Check] | None = None) -> Response:
        results = {name: check() for name, check in decisive.items()}
        extra = {name: check() for name, check in (shown or {}).items()}
        fine = all(ok for ok, _ in results.values())
        status = "unavailable" if not fine else "ok" if all(ok for ok, _ in extra.values()) else "degraded"
        checks = {name: {"ok": ok, "detail": detail} for name, (ok, detail) in (results | extra).items()}
        data = {"service": self.service, "status": status, "build": build_id(), "checks": checks}
        return success(request, data, status=200 if fine else 503)


_CHECK = an_object("HealthCheck", {"ok": FLAG, "detail": TEXT})
_HEALTH = an_object(
    "Health",
    {
        "service": TEXT,
        "status": one_of("ok", "degraded", "unavailable"),
        "build": TEXT,
        "checks": {"type": "object", "additionalProperties": _CHECK},
    },
)
_EXAMPLE = {"service": "api", "status": "ok", "build": "0.1.0+dev", "checks": {"drain": {"ok": True, "detail": ""}}}
_RESPONSES = answer("Every check that decides has passed.", _HEALTH, _EXAMPLE) | answer(
    "A check that decides has failed.", _HEALTH, _EXAMPLE | {"status": "unavailable"}, status=503
)
