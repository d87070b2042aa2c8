"""Search: finds dead letters by what they have in common, and shows each with all that is known of it."""

from collections.abc import Iterable

from redis.asyncio import Redis

from holdfast.services.dlq_admin.cursors import LETTER, Cursors
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters import on_stream, views
from holdfast.services.dlq_admin.letters.models import LetterDetail, LettersOnStream, LetterSummary
from holdfast.services.dlq_admin.writers import Running
from holdfast.shared.errors import DatabaseUnavailable, LetterNotFound
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.find import search, whole
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.queue.partitions import ONE, Partitions

_CURSORS = Cursors("letters", LETTER)


class Letters:
    """Dead letters from the index or, while the database is down, from their stream. `most`: letters per selection."""

    def __init__(
        self, database: Database, redis: Redis, running: Running, *, most: int, partitions: Partitions = ONE
    ) -> None:
        self._database = database
        self._redis = redis
        self._partitions = partitions
        self._running = running
        self._most = most

    async def page(
        self, wanted: Filter, cursor: str | None, limit: int, *, oldest_first: bool = False
    ) -> tuple[list[LetterSummary], str | None]:
        """Return letters, newest or oldest first, and the cursor of the next page. Raises InvalidCursor,
        DatabaseUnavailable."""
        beyond = _CURSORS.letter(cursor)
        found = await self._database.read(search.search, wanted, beyond=beyond, limit=limit, oldest_first=oldest_first)
        end = None if found.next is None else _CURSORS.behind(id_of(found.next))
        return [views.summary(row) for row in found.rows], end

    async def total(self, wanted: Filter, most: int) -> int | None:
        """Return the number of letters, counted up to one more than `most`. Return None for a search for text, whose
        total is unknown before all letters are searched. Raises DatabaseUnavailable."""
        return await self._database.read(search.total, wanted, most=most) if wanted.text is None else None

    async def of(self, selection: Selection, limit: int) -> list[LetterSummary]:
        """Return the newest letters of a selection, at most `limit`. Raises SelectionTooLarge, DatabaseUnavailable."""
        found = await self._database.at_length(change.newest, selection, limit=limit, most=self._most)
        return [views.summary(row) for row in found]

    async def back_at_original(self, letters: Iterable[LetterSummary]) -> set[str]:
        """Return the ids of letters that were edited and are now as they were originally. Raises
        DatabaseUnavailable."""
        edited = [number_of(one.id) for one in letters if one.edit]
        found = await self._database.read(versions.back_at_original, edited) if edited else ()
        return {id_of(number) for number in found}

    async def from_stream(self, limit: int) -> LettersOnStream | None:
        """Return what has died since the database went down, or None if the queue is down too."""
        waiting = await on_stream.newest(self._redis, limit, self._partitions)
        if waiting is None:
            return None
        letters = [views.unindexed(letter) for letter in waiting.letters]
        banner = on_stream.banner(self._database.breaker.refusal)
        return LettersOnStream(letters=letters, waiting=waiting.total, banner=banner)

    async def one(self, letter_id: str, *, who: Actor | None) -> LetterDetail:
        """Return all that is known of a letter. With `who`, nothing is masked, and that is recorded in the audit.
        Raises LetterNotFound, DatabaseUnavailable, OutcomeUnknown."""
        number, revealed = number_of(letter_id), who is not None
        running = await self._running.builds()
        waiting = None
        try:
            found = await self._database.read(whole.whole, number)
        except DatabaseUnavailable:
            found, waiting = None, await on_stream.one(self._redis, letter_id, self._partitions)
            if revealed or waiting is None:
                raise
        if found is None and waiting is None:
            waiting = await on_stream.one(self._redis, letter_id, self._partitions)
            if waiting is None:  # the letter may have moved from the stream to the table meanwhile
                found = await self._database.read(whole.whole, number)
        if who is not None and (found or waiting):
            await self._database.change(audit.record_alone, who, AuditAction.REVEAL, numbers=[number])
            found = found and await self._database.read(whole.whole, number)  # with this access in its history
        if found is not None:
            return views.detail(found, running, revealed=revealed)
        if waiting is None:
            raise LetterNotFound(details={"id": letter_id})
        return views.unindexed_detail(waiting, running, revealed=revealed)
