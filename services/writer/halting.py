"""Halting: acts on the dead share. While the writer is halted, entries that would die are kept, and a few are tried now
and then; operators see why, and may let the writer go on."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Never

from holdfast.services.writer.dead_share import DeadShare, Halt
from holdfast.services.writer.deferred import Deferred
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.halts import HaltReport, Halts
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.runtime.time_budgets import HALT_EVERY_S
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.outcome import Dead

_TICK_S = 0.1
#: Entries per try: few, but enough to show that it is not one entry alone that fails.
_TRIED = 5
_WHY_MAX_CHARS = 300


class Halting:
    """Halts one writer. `holding`: whether the database is away, so that a try would show nothing."""

    def __init__(self, share: DeadShare, deferred: Deferred, holding: Callable[[], bool]) -> None:
        self._share = share
        self._deferred = deferred
        self._holding = holding
        self._reported_at = -HALT_EVERY_S
        self._reported = False
        #: When the last halt ended.
        self._went_on_s = -math.inf

    @property
    def halted(self) -> bool:
        """Whether the writer is halted: it dead-letters and reads nothing."""
        return self._share.halt is not None

    def keeps(self, dying: Sequence[tuple[Entry, Dead]], alive: int, since_s: float) -> bool:
        """Count a batch's outcomes. Return whether the entries that would die are kept instead. `since_s`: when the
        batch's attempt began. If a halt has ended since, its fault may be what the entries died of, so these deaths do
        not count, and the entries are tried again."""
        before, why = self._share.halt, _why(dying[-1][1]) if dying else ""
        reported = before.why if before else ""
        outdated = since_s < self._went_on_s
        self._share.observe(dead=0 if outdated else len(dying), alive=alive, now=time.monotonic(), why=why)
        halt = self._share.halt
        metrics.halted.set(halt is not None)
        if before is None and halt is None and not outdated:
            return False
        for entry, _ in dying:
            self._deferred.hold_back(entry, dying=True)
        if halt is None:
            if before is None:
                self._deferred.release()
            else:
                self._went_on(before)
        elif halt.why != reported:
            logs.error(Action.WRITER_HALTED, would_be_dead=self._deferred.dying, why=halt.why)
        return True

    def check(self) -> tuple[bool, str]:
        """Return the health check of `/readyz`: whether the writer runs, and if it is halted, why."""
        halt = self._share.halt
        return halt is None, _sentence(self._report(halt)) if halt else ""

    async def run(self, halts: Halts, writer: str) -> Never:
        """Report halts and try entries, until cancelled. Raises RedisError, OSError; the supervisor restarts it."""
        while True:
            self._try_some()
            await self._tell(halts, writer)
            iteration_succeeded()
            await asyncio.sleep(_TICK_S)

    def _try_some(self) -> None:
        halt = self._share.halt
        if halt is None or self._holding() or not self._share.try_now(time.monotonic()):
            return
        if not self._deferred.try_some(_TRIED):
            self._share.nothing_left()
            metrics.halted.set(0)
            self._went_on(halt)

    async def _tell(self, halts: Halts, writer: str) -> None:
        halt, now = self._share.halt, time.monotonic()
        if halt is None:
            if self._reported:
                await halts.over(writer)
                self._reported = False
            return
        if now - self._reported_at < HALT_EVERY_S:
            return
        self._reported, self._reported_at = True, now
        order = await halts.report(writer, self._report(halt))
        if order is not None and self._share.halt is halt:
            self._share.go_on(len(self._deferred.held()))
            metrics.halted.set(0)
            self._went_on(halt, by=order.actor, reason=order.reason)

    def _went_on(self, halt: Halt, **who: str) -> None:
        self._deferred.release()
        self._went_on_s = time.monotonic()
        for_s = round(self._went_on_s - halt.since, 1)
        logs.warning(Action.WRITER_WENT_ON, halted_for_s=for_s, tries=halt.tries, **who)

    def _report(self, halt: Halt) -> HaltReport:
        now = time.monotonic()
        return HaltReport(
            id=halt.id,
            why=halt.why,
            would_be_dead=self._deferred.dying,
            for_s=round(now - halt.since, 1),
            tries=halt.tries,
            next_try_in_s=round(max(0.0, halt.next_try - now), 1),
        )


def _why(outcome: Dead) -> str:
    return f"{outcome.reason.value}: {outcome.failure.message}"[:_WHY_MAX_CHARS]


def _sentence(report: HaltReport) -> str:
    return (
        f"halted for {report.for_s:.0f} s: {report.would_be_dead} entries would be dead-lettered, the last as"
        f" {report.why}; {report.tries} tries, the next in {report.next_try_in_s:.0f} s"
    )
