"""Uniqueness: checks that the database still has the keys on which writes depend. A person may drop a key, or create a
non-unique index under its name.

Statements that apply writes name these keys, so the database refuses them while a key is missing. A key that exists and
is not unique is found only by this check.
"""

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.store.kept_unique import kept_unique
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_EVERY_S = 15.0
_LIMIT_S = 10.0


class Uniqueness:
    """Checks the keys. `probe` is for the auditor."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lost: list[str] = []
        self.probe = Probe("database_keys", self._look, every_s=_EVERY_S, limit_s=_LIMIT_S)

    async def _look(self) -> None:
        kept = await self._database.audit(kept_unique)
        for unique, is_kept in kept.items():
            metrics.uniqueness_lost.labels(unique.table, ", ".join(unique.columns)).set(not is_kept)
        lost = [f"{unique.table} ({', '.join(unique.columns)})" for unique, is_kept in kept.items() if not is_kept]
        if lost != self._lost:
            say = logs.error if lost else logs.info
            say(Action.UNIQUENESS_MOVED, lost=lost)
        self._lost = lost
