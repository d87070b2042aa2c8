"""Board: passes announcements to the metrics, the log, Grafana's annotations and the other replicas."""

import asyncio
import time
from typing import Never

from holdfast.services.dlq_admin.faults.announced import Announced, Faults, Full, Name, Recoveries, Recovery
from holdfast.services.dlq_admin.faults.cache import FaultCache
from holdfast.services.dlq_admin.faults.models import FaultReport, announced_fault, measured_recovery
from holdfast.shared.errors import TooManyFaults
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations
from holdfast.shared.telemetry.logs import Action

_EVERY_S = 1.0


class FaultBoard:
    """The known faults and recoveries. No call waits for anything except, briefly, the cache."""

    def __init__(self, kept: FaultCache, annotations: Annotations) -> None:
        self._kept = kept
        self._annotations = annotations
        self._faults = Faults()
        self._recoveries = Recoveries()
        self._on: dict[Name, Announced] = {}

    async def run(self) -> Never:
        """Until cancelled, take over other replicas' announcements, and log faults that have expired."""
        while True:
            await self._synchronise()
            await asyncio.sleep(_EVERY_S)

    async def begin(self, name: Name, for_s: float) -> Announced:
        """Announce a fault for `for_s` seconds. Raises TooManyFaults."""
        await self._synchronise()  # another replica may know since when
        try:
            announced = self._faults.begin(name, for_s, time.time())
        except Full:
            raise TooManyFaults() from None
        self._notice()
        await self._kept.write([announced])
        return announced

    async def end(self, fault: str, target: str | None) -> list[Announced]:
        """Announce the end of a fault, and return the faults that were active."""
        await self._synchronise()
        ended = self._faults.end(fault, target, time.time())
        self._notice()
        await self._kept.write(ended)
        return ended

    async def measured(self, recovery: Recovery) -> None:
        """Record how long the system took to recover from a fault."""
        self._recoveries.put(recovery)
        logs.info(
            Action.RECOVERY_MEASURED,
            fault=recovery.fault,
            verdict=recovery.verdict,
            **{f"{phase}_s": seconds for phase, seconds in recovery.phases.items()},
        )
        await self._kept.write(recoveries=[recovery])

    def report(self) -> FaultReport:
        """Return every known fault and recovery."""
        return FaultReport(
            faults=[announced_fault(each) for each in self._faults],
            recoveries=[measured_recovery(each) for each in self._recoveries.known()],
        )

    def show(self) -> None:
        """Set the metrics as of now. Faults that are no longer known are removed from them."""
        now_s = time.time()
        for gauge in (metrics.fault_active, metrics.fault_last_start, metrics.fault_last_end, metrics.recovery_phase):
            gauge.clear()
        for each in self._faults:
            metrics.fault_active.labels(*each.name).set(each.active(now_s))
            metrics.fault_last_start.labels(*each.name).set(each.began_s)
            if (ended_s := each.ended_s(now_s)) is not None:
                metrics.fault_last_end.labels(*each.name).set(ended_s)
        for recovery in self._recoveries.known():
            for phase, seconds in recovery.phases.items():
                metrics.recovery_phase.labels(recovery.fault, phase).set(seconds)

    async def _synchronise(self) -> None:
        """Take over other replicas' announcements, which those replicas have logged."""
        self._notice()
        faults, recoveries = await self._kept.read()
        self._faults.merge(faults, time.time())
        for recovery in recoveries:
            self._recoveries.put(recovery)
        self._on = self._active()

    def _active(self) -> dict[Name, Announced]:
        now_s = time.time()
        return {each.name: each for each in self._faults if each.active(now_s)}

    def _notice(self) -> None:
        """Log and annotate what has begun or ended since the last call."""
        active, known = self._active(), {each.name: each for each in self._faults}
        for name in active.keys() - self._on.keys():
            logs.warning(Action.FAULT_ANNOUNCED, fault=name.fault, target=name.target)
            self._annotations.add(_annotation(active[name], None))
        for name in self._on.keys() - active.keys():
            logs.warning(Action.FAULT_ENDED, fault=name.fault, target=name.target)
            self._annotations.add(_annotation(self._on[name], known[name].until_s if name in known else time.time()))
        self._on = active


def _annotation(one: Announced, ended_s: float | None) -> Annotation:
    """Return the annotation of a fault. Its key contains the start, so that the next occurrence is another region."""
    key = f"fault:{one.name.fault}:{one.name.target}:{one.began_s * 1000:.0f}"
    return Annotation(key, f"{one.name.fault} → {one.name.target}", ("fault",), one.began_s, ended_s)
