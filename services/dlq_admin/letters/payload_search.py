"""Payload search: dead letters found by what their payloads hold. Values that are masked are searched only for an
operator who gives a reason, and that is on record."""

from holdfast.services.dlq_admin.cursors import LETTER, Cursors
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters import views
from holdfast.services.dlq_admin.letters.models import LetterSummary
from holdfast.services.dlq_admin.responses import Count, ResponseModel
from holdfast.shared.domain.registry import domain
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.find import payloads
from holdfast.shared.letters.find.contents import Contents
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.ids import id_of

_CURSORS = Cursors("payloads", LETTER)


class PayloadSearchResult(ResponseModel):
    """Letters whose payloads hold a text. `looked_through`: letters, the newest first, of which `next_cursor` leads to
    the older ones; `masked`: only fields that are shown to everybody were searched, else `audit_id` has the record."""

    letters: list[LetterSummary]
    looked_through: Count
    next_cursor: str | None
    masked: bool
    audit_id: Count = 0


class PayloadSearch:
    """Searches in payloads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, wanted: Filter, contents: Contents, cursor: str | None, limit: int, *, who: Actor | None
    ) -> PayloadSearchResult:
        """With `who` masked values are searched too; the record names the letters found, and of the text no more than
        a mask shows. Raises InvalidCursor, DatabaseUnavailable, OutcomeUnknown."""
        found = await self._database.at_length(
            payloads.find,
            wanted,
            contents,
            beyond=_CURSORS.letter(cursor),
            limit=limit,
            revealed=who is not None,
        )
        audit_id = 0
        if who is not None:
            audit_id = await self._database.change(
                audit.record_read,
                who,
                AuditAction.SEARCH,
                numbers=[row.id for row in found.rows],
                selection={"filter": wanted.to_json()},
                details={
                    "text": mask.value(contents.text, revealed=False),
                    "field": contents.field,
                    "searched": found.looked_through,
                },
            )
        return PayloadSearchResult(
            letters=[views.summary(row) for row in found.rows],
            looked_through=found.looked_through,
            next_cursor=None if found.next is None else _CURSORS.behind(id_of(found.next)),
            masked=who is None,
            audit_id=audit_id,
        )


def shown_fields() -> dict[str, list[str]]:
    """By the plural of each resource: the fields whose values are shown to everybody."""
    return {each.plural: [field.name for field in each.fields if field.public] for each in domain().by_plural.values()}
