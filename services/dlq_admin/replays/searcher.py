"""Searcher: finds the results of sent items whose entries are gone and for which no row of their own records an end."""

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.services.dlq_admin.replays.traces import Traces
from holdfast.shared.letters.replays import results, sending
from holdfast.shared.letters.replays.plan import ItemState
from holdfast.shared.letters.replays.results import Result
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_PAGE = 1000


class Searcher:
    """Searches the sent items of one replay page by page, over and over."""

    def __init__(self, replay_id: int, database: Database, sender: Sender, traces: Traces) -> None:
        self._replay_id = replay_id
        self._database = database
        self._sender = sender
        self._traces = traces
        #: The position after which the next page begins.
        self._searched = -1

    async def find(self) -> list[Result]:
        """Return a page of results. The order of the look-ups matters: write stream, dead-letter stream, rows (see
        traces.py)."""
        replay_id = self._replay_id
        page = await self._database.work_again(results.still_open, replay_id, after=self._searched, limit=_PAGE)
        self._searched = page[-1].position if len(page) == _PAGE else -1
        is_gone = await self._traces.gone([one.entry_id for one in page])
        gone = [one for one, each in zip(page, is_gone, strict=True) if each]
        if not gone:
            return []
        buried = await self._traces.buried([one.entry_id for one in gone])
        by_row = {
            one.position: one
            for one in await self._database.work_again(results.without_entry, replay_id, [one.position for one in gone])
        }
        over = []
        for one in gone:
            letter = buried.get(one.entry_id)
            over.append(
                by_row[one.position] if letter is None else results.died_again(one, letter.number, letter.fingerprint)
            )
        return await self._forget_lost(over, {one.position: one.entry_id for one in gone})

    async def _forget_lost(self, over: list[Result], entries: dict[int, str]) -> list[Result]:
        """Return `over` without the items whose entries have come back meanwhile."""
        lost = [one for one in over if one.state is ItemState.LOST]
        if not lost:
            return over
        chosen = await self._database.work_again(sending.these, [(one.position, one.letter) for one in lost])
        forgotten = {one.position for one in await self._sender.forget_lost(self._replay_id, chosen, entries)}
        logs.error(Action.REPLAY_ENTRIES_LOST, replay=self._replay_id, entries=[entries[p] for p in forgotten])
        return [one for one in over if one.state is not ItemState.LOST or one.position in forgotten]
