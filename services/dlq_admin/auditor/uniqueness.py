"""Uniqueness: whether the database still keeps unique what it has to. Somebody may drop a key, or make an index of the
same name that is none.

Statements that apply writes name the keys, so that the database refuses them while one is missing.
What is there under that name and is not unique, only a look can tell.
"""

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.store.kept_unique import kept_unique
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_EVERY_S = 15.0
_LIMIT_S = 10.0


class Uniqueness:
    """`probe` for the auditor."""

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
