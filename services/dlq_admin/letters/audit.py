"""Audit: everything that operators did, by whom, why and by which request."""

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.models import AuditRecord
from holdfast.shared.letters.audit import entries


class Audit:
    """The log that no service can change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, actor: str | None, action: str | None, before: int | None, limit: int
    ) -> tuple[list[AuditRecord], int | None]:
        """The newest first, and where the next page begins. Raises DatabaseUnavailable."""
        found = await self._database.read(entries.page, before=before, limit=limit + 1, actor=actor, action=action)
        end = found[limit - 1].id if len(found) > limit else None
        return [AuditRecord.from_source(each) for each in found[:limit]], end
