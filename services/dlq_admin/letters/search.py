"""`/dlq/letters`: dead letters one by one: found by what they have in common, and each with all that is known of it."""

from typing import Any

from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.services.dlq_admin.letters import views as told
from holdfast.services.dlq_admin.letters.build_fix import verdict
from holdfast.services.dlq_admin.writers.running import Running
from holdfast.shared.errors import DatabaseUnavailable, LetterNotFound
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, Deed
from holdfast.shared.letters.find import search
from holdfast.shared.letters.find import whole as one
from holdfast.shared.letters.find.filter import Filter
from holdfast.shared.letters.ids import id_of, number_of


class Letters:
    """The questions that routes and pages ask."""

    def __init__(self, database: Database, redis: Redis, running: Running) -> None:
        self._database = database
        self._redis = redis
        self._running = running

    async def page(self, wanted: Filter, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Letters, the newest first, and where the next page begins. Raises DatabaseUnavailable."""
        below = number_of(cursor) if cursor else None
        found = await self._database.read(search.search, wanted, below=below, limit=limit)
        return [told.letter(row) for row in found.rows], None if found.next is None else id_of(found.next)

    async def from_stream(self, limit: int) -> dict[str, Any] | None:
        """Instead, while the database is away: what has died since. None: the queue is away too."""
        waiting = await on_stream.newest(self._redis, limit)
        if waiting is None:
            return None
        letters = [told.unindexed(letter) for letter in waiting.letters]
        return {"letters": letters, "waiting": waiting.total, "banner": on_stream.BANNER}

    async def one(self, letter_id: str, *, who: Actor | None) -> dict[str, Any]:
        """All that is known of it; `who`: sees it in clear, on record. Raises LetterNotFound, DatabaseUnavailable,
        OutcomeUnknown."""
        number = number_of(letter_id)
        running = await self._running.builds()
        try:
            found = await self._database.read(one.whole, number)
        except DatabaseUnavailable:
            found = None
            if who is not None or (waiting := await on_stream.one(self._redis, letter_id)) is None:
                raise
        else:
            waiting = None if found else await on_stream.one(self._redis, letter_id)
        if found is None and waiting is None:
            raise LetterNotFound(details={"id": letter_id})
        if who is not None:
            await self._database.change(audit.note_down, who, Deed.REVEAL, numbers=[number])
            found = found and await self._database.read(one.whole, number)  # with this look on its record
        if found is not None:
            return told.whole(found, running, revealed=who is not None)
        assert waiting is not None  # noqa: S101 - said above
        return {
            **told.unindexed(waiting),
            **told.body(waiting.original, waiting.attempts, revealed=who is not None),
            "entity": None,
            "operation": None,
            "fix": verdict({waiting.build}, running),
        }
