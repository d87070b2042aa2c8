"""Retention: removes letters that are older than a configured limit, with a warning a day before, and cancels replays
that wait too long for an operator. Nothing else is removed."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.letters.replays import steer
from holdfast.shared.letters.retention import letters as retention
from holdfast.shared.letters.state import State
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_EVERY_S = 600.0
_WARNING = timedelta(days=1)


class _Limit(NamedTuple):
    name: str
    states: tuple[State, ...]
    keep_days: float | None


class Limit(ResponseModel):
    """How long letters are kept (null: without limit), and how many are removed within a day, as far as is known."""

    keep_days: float | None
    due_in_24_h: Count | None
    as_of: Moment | None


class Retention:
    """Applies the limits. `report` is for the overview; `run` is the loop."""

    def __init__(self, database: Database, settings: DlqAdminSettings) -> None:
        self._database = database
        self._limits = (
            _Limit("discarded", (State.DISCARDED,), settings.dlq_discarded_keep_days),
            _Limit("finished", retention.FINISHED, settings.dlq_finished_keep_days),
        )
        self._wait_days = settings.dlq_replay_wait_days
        self._seen: dict[str, int | None] = {}
        self._looked_at: datetime | None = None

    def report(self) -> dict[str, Limit]:
        """Return the limits by name."""
        return {
            limit.name: Limit(keep_days=limit.keep_days, due_in_24_h=self._seen.get(limit.name), as_of=self._looked_at)
            for limit in self._limits
        }

    async def run(self) -> None:
        """Apply the limits periodically until cancelled."""
        while True:
            await self.once(utc_now())
            iteration_succeeded()
            await asyncio.sleep(_EVERY_S)

    async def once(self, now: datetime) -> None:
        """Remove what is due at `now`, and warn of what is due within the next day."""
        for limit in self._limits:
            if limit.keep_days is None:
                continue
            end = now - timedelta(days=limit.keep_days)
            gone = 0
            while page := await self._database.work(retention.purge, limit.states, end):
                gone += page
            if gone:
                logs.warning(Action.LETTERS_PURGED, letters=gone, kept_days=limit.keep_days, what=limit.name)
            due = await self._database.work(retention.due, limit.states, end + _WARNING)
            if due and due != self._seen.get(limit.name):
                logs.warning(Action.LETTERS_DUE, letters=due, within_hours=24, what=limit.name)
            self._seen[limit.name] = due
        lapsed = await self._database.work(steer.lapse, now - timedelta(days=self._wait_days))
        for replay_id in lapsed:
            logs.warning(Action.REPLAY_LAPSED, replay=replay_id, waited_days=self._wait_days)
        self._looked_at = now
