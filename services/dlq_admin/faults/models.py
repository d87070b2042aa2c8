"""Models: announced faults and measured recoveries, as API answers show them."""

import time

from holdfast.services.dlq_admin.faults.announced import PHASES, Announced, Recovery, Verdict
from holdfast.services.dlq_admin.responses import Moment, ResponseModel


class AnnouncedFault(ResponseModel):
    """A fault that was announced."""

    fault: str
    target: str
    active: bool
    began_at: Moment
    until: Moment


class MeasuredRecovery(ResponseModel):
    """How long each phase of a recovery took, in seconds; null if it was not measured."""

    fault: str
    detect_s: float | None
    contain_s: float | None
    resume_s: float | None
    drain_s: float | None
    steady_s: float | None
    verdict: Verdict
    at: Moment


class FaultReport(ResponseModel):
    """The last hundred faults and the last hundred recoveries."""

    faults: list[AnnouncedFault]
    recoveries: list[MeasuredRecovery]


class EndedFaults(ResponseModel):
    """The faults that were active."""

    ended: list[AnnouncedFault]


def announced_fault(one: Announced) -> AnnouncedFault:
    """Return the fault as of now."""
    return AnnouncedFault(
        fault=one.name.fault,
        target=one.name.target,
        active=one.active(time.time()),
        began_at=one.began_s,
        until=one.until_s,
    )


def measured_recovery(one: Recovery) -> MeasuredRecovery:
    """Return the recovery as it was measured."""
    phases = {f"{phase}_s": one.phases.get(phase) for phase in PHASES}
    return MeasuredRecovery(fault=one.fault, verdict=one.verdict, at=one.at_s, **phases)
