"""`/faults` and `/recoveries`: whoever breaks something on purpose says so, and what came of it."""

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.faults.announced import Announced, Name
from holdfast.services.dlq_admin.faults.board import FaultDesk
from holdfast.services.dlq_admin.faults.recoveries import PHASES, Recovery, Verdict
from holdfast.services.dlq_admin.rest import schemas
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, asked
from holdfast.shared.errors import InvalidParameter, InvalidRequest, TooManyFaults
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import precise, success
from holdfast.shared.runtime.time_budgets import FAULT_MAX_S

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_DAY_S = 86_400.0

Target = Literal[
    "database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin", "network", "host"
]
_TARGETS: frozenset[str] = frozenset(Target.__args__)  # type: ignore[attr-defined]  # a Literal has them
Seconds = Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)]


class FaultAsked(BaseModel):
    """A fault is on for so long, unless it is said again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    target: Target
    for_s: float = Field(gt=0, le=FAULT_MAX_S, allow_inf_nan=False)


class RecoveryAsked(BaseModel):
    """How long each phase of a recovery took; null: it was not measured."""

    model_config = ConfigDict(extra="forbid", strict=True)

    detect_s: Seconds | None = None
    contain_s: Seconds | None = None
    resume_s: Seconds | None = None
    drain_s: Seconds | None = None
    steady_s: Seconds | None = None
    verdict: Verdict


_WRONG = BODY_ERRORS


def add_routes(app: FastAPI, desk: FaultDesk) -> None:
    """All four."""

    @app.get(
        "/faults",
        tags=["faults"],
        summary="Faults on purpose, and how the system got over them",
        responses=answer("The last hundred of each.", schemas.FAULTS) | errors(),
    )
    async def read(_: Request) -> Response:
        faults, recoveries = desk.known()
        told = {"faults": [_fault(each) for each in faults], "recoveries": [_recovery(each) for each in recoveries]}
        return success(told, headers={"Cache-Control": "no-store"})

    @app.put(
        "/faults/{fault}",
        tags=["faults"],
        summary="Say that a fault is on, and for how long unless you say so again",
        responses=answer("It is on.", schemas.FAULT) | errors(*_WRONG, TooManyFaults),
        openapi_extra=body(FaultAsked, {"target": "database", "for_s": 10}),
    )
    async def begin(request: Request) -> Response:
        wish = await asked(request, FaultAsked)
        return success(_fault(await desk.begin(Name(_slug(request), wish.target), wish.for_s)))

    @app.delete(
        "/faults/{fault}",
        tags=["faults"],
        summary="Say that it is over; with `?target=` on that one only",
        responses=answer("What was on.", schemas.FAULTS_ENDED) | errors(*_WRONG),
    )
    async def end(request: Request) -> Response:
        target = request.query_params.get("target")
        if target is not None and target not in _TARGETS:
            raise _invalid("target", f"one of {', '.join(sorted(_TARGETS))}")
        return success({"ended": [_fault(each) for each in await desk.end(_slug(request), target)]})

    @app.put(
        "/recoveries/{fault}",
        tags=["faults"],
        summary="Say how long the system took to get over a fault",
        responses=answer("As it is shown now.", schemas.RECOVERY) | errors(*_WRONG),
        openapi_extra=body(RecoveryAsked, {"detect_s": 1.2, "resume_s": 3.5, "drain_s": 4, "verdict": "passed"}),
    )
    async def measured(request: Request) -> Response:
        wish = await asked(request, RecoveryAsked)
        given = {phase: getattr(wish, f"{phase}_s") for phase in PHASES}
        phases = {phase: seconds for phase, seconds in given.items() if seconds is not None}
        recovery = Recovery(_slug(request), phases, wish.verdict, time.time())
        await desk.measured(recovery)
        return success(_recovery(recovery))


def _slug(request: Request) -> str:
    fault: str = request.path_params["fault"]
    if not _SLUG.fullmatch(fault):
        raise _invalid("fault", "a name of 1 to 64 of a-z, 0-9 and -")
    return fault


def _invalid(field: str, constraint: str) -> InvalidRequest:
    details = {"field": field, "value": None, "constraint": constraint}
    return InvalidParameter(details=details)


def _fault(one: Announced) -> dict[str, Any]:
    now_s = time.time()
    return {
        "fault": one.name.fault,
        "target": one.name.target,
        "active": one.active(now_s),
        "began_at": _moment(one.began_s),
        "until": _moment(one.until_s),
    }


def _recovery(one: Recovery) -> dict[str, Any]:
    phases = {f"{phase}_s": one.phases.get(phase) for phase in PHASES}
    return {"fault": one.fault, **phases, "verdict": one.verdict, "at": _moment(one.at_s)}


def _moment(unix_s: float) -> str:
    return precise(datetime.fromtimestamp(unix_s, UTC))
