"""Queue memory: the epochs of the queue, and what was lost between them, for people."""

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.shared.store import epochs
from holdfast.shared.writes.epoch import Epoch
from holdfast.shared.writes.versions import to_datetime


class QueueEpoch(ResponseModel):
    """An epoch of the queue. `lost`: acknowledged writes that were gone when it began, accepted from `lost_from` on
    (null if nothing could be lost). Below 0: that many writes that had been gone were back."""

    epoch: Count
    cause: str
    began: Moment
    lost: int
    lost_from: Moment | None


class QueueMemory:
    """Reads the epochs that the auditor saves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def epochs(self) -> list[QueueEpoch]:
        """Return all epochs, newest first. Raises DatabaseUnavailable."""
        return [_shown(each) for each in reversed(await self._database.read(epochs.all_epochs))]


def _shown(one: Epoch) -> QueueEpoch:
    return QueueEpoch(
        epoch=one.epoch,
        cause=one.cause.value,
        began=to_datetime(one.began),
        lost=one.lost,
        lost_from=to_datetime(one.lost_from) if one.lost_from else None,
    )
