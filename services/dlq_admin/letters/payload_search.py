"""Payload search: finds dead letters by the contents of their payloads. Masked values are searched only for an operator
who gives a reason, and the search is recorded in the audit."""

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
    """Letters whose payloads hold a text. `looked_through`: how many letters were searched, newest first; `next_cursor`
    leads to the older ones. `masked`: only fields that everybody may see were searched; otherwise `audit_id` is the
    audit entry of the search."""

    letters: list[LetterSummary]
    looked_through: Count
    next_cursor: str | None
    masked: bool
    audit_id: Count = 0


class PayloadSearch:
    """Searches the payloads of dead letters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, wanted: Filter, contents: Contents, cursor: str | None, limit: int, *, who: Actor | None
    ) -> PayloadSearchResult:
        """Return the letters whose payloads match. With `who`, masked values are searched too; the audit entry names
        the letters found, and shows no more of the text than a mask does. Raises InvalidCursor, DatabaseUnavailable,
        OutcomeUnknown."""
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
                audit.record_alone,
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
    """Return the fields whose values everybody may see, by the plural of each resource."""
    return {each.plural: [field.name for field in each.fields if field.public] for each in domain().by_plural.values()}
