"""Sealer: seals audit entries after their commit. An entry's transaction may commit after any number of later ones, so
each pass also checks some older entries, and all entries in the course of time, at the same cost however many there
are."""

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.letters.audit import seals
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_LIMIT_S = 10.0
#: Ids per pass that are checked again: those just before the newest seal, and the next ones of the walk.
_AGAIN = 1000


class Sealer:
    """Seals entries. `probe` is for the auditor. The log holds the newest seal too, so that a truncated chain is
    detected."""

    def __init__(self, database: Database, *, every_s: float) -> None:
        self._database = database
        #: The walk over all entries has come to this id.
        self._walked = 0
        self.probe = Probe("audit", self.seal, every_s=every_s, limit_s=_LIMIT_S)

    async def seal(self) -> None:
        """Seal the new entries, and those among the next older ones that have no seal."""
        newest = await self._database.audit(seals.newest_sealed)
        await self._seal(max(0, newest - _AGAIN))
        await self._seal(self._walked, self._walked + _AGAIN)
        self._walked = self._walked + _AGAIN if self._walked + _AGAIN < newest else 0

    async def _seal(self, after: int, up_to: int = seals.ID_MAX) -> None:
        while (last := await self._database.audit(seals.seal, after, up_to)) is not None:
            logs.info(Action.AUDIT_SEALED, seq=last.seq, hash=last.hash)
