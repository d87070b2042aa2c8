"""`/faults` and `/recoveries`: deliberate faults are announced here, and recoveries from them are reported."""

import time
from typing import Annotated, Literal

from fastapi import FastAPI, Path
from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.faults.announced import PHASES, Name, Recovery, Verdict
from holdfast.services.dlq_admin.faults.board import FaultBoard
from holdfast.services.dlq_admin.faults.models import (
    AnnouncedFault,
    EndedFaults,
    FaultReport,
    MeasuredRecovery,
    announced_fault,
    measured_recovery,
)
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, Input, read_input
from holdfast.shared.errors import NoSuchPath, TooManyFaults
from holdfast.shared.runtime.time_budgets import FAULT_MAX_S

_DAY_S = 86_400.0

Target = Literal[
    "database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin", "network", "host"
]
Seconds = Annotated[float, Field(ge=0, le=_DAY_S, allow_inf_nan=False)]


class FaultInput(Input):
    """An announcement of a fault, which is active for `for_s` seconds unless it is announced again."""

    model_config = ConfigDict(strict=True)

    target: Target
    for_s: float = Field(gt=0, le=FAULT_MAX_S, allow_inf_nan=False)


class RecoveryInput(Input):
    """How long each phase of a recovery took, in seconds; null if it was not measured."""

    model_config = ConfigDict(strict=True)

    detect_s: Seconds | None = None
    contain_s: Seconds | None = None
    resume_s: Seconds | None = None
    drain_s: Seconds | None = None
    steady_s: Seconds | None = None
    verdict: Verdict


Slug = Annotated[str, Path(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$", max_length=64)]


def add_routes(app: FastAPI, board: FaultBoard) -> None:
    """Add all four routes."""

    @app.get(
        "/faults",
        **documented(
            "faults",
            "List deliberate faults, and how the system recovered from them",
            "The last hundred faults and the last hundred recoveries.",
            FaultReport,
        ),
    )
    async def get_faults(request: Request) -> Response:
        return answered(request, board.report())

    @app.put(
        "/faults/{fault}",
        **documented(
            "faults",
            "Announce a fault, and how long it lasts unless it is announced again",
            "The announced fault.",
            AnnouncedFault,
            NoSuchPath,
            TooManyFaults,
            sent=(FaultInput, {"target": "database", "for_s": 10}),
        ),
    )
    async def begin_fault(request: Request, fault: Slug) -> Response:
        wish = await read_input(request, FaultInput)
        return answered(request, announced_fault(await board.begin(Name(fault, wish.target), wish.for_s)))

    @app.delete(
        "/faults/{fault}",
        **documented(
            "faults",
            "Announce that a fault has ended; with `?target=`, on that target only",
            "The faults that were active.",
            EndedFaults,
            NoSuchPath,
            *BODY_ERRORS,
        ),
    )
    async def end_fault(request: Request, fault: Slug, target: Target | None = None) -> Response:
        return answered(request, EndedFaults(ended=[announced_fault(each) for each in await board.end(fault, target)]))

    @app.put(
        "/recoveries/{fault}",
        **documented(
            "faults",
            "Report how long the system took to recover from a fault",
            "The recorded recovery.",
            MeasuredRecovery,
            NoSuchPath,
            sent=(RecoveryInput, {"detect_s": 1.2, "resume_s": 3.5, "drain_s": 4, "verdict": "passed"}),
        ),
    )
    async def put_recovery(request: Request, fault: Slug) -> Response:
        wish = await read_input(request, RecoveryInput)
        given = {phase: getattr(wish, f"{phase}_s") for phase in PHASES}
        phases = {phase: seconds for phase, seconds in given.items() if seconds is not None}
        recovery = Recovery(fault, phases, wish.verdict, time.time())
        await board.measured(recovery)
        return answered(request, measured_recovery(recovery))
