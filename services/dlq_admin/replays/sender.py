"""Sender: puts letters on the write stream, each at most once, and takes them back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.edit.versions import Current
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays.resent import resent
from holdfast.shared.letters.replays.sending import Chosen, Sent
from holdfast.shared.queue.codec import Undecodable, decode, raw_text
from holdfast.shared.queue.entities import claims_of, pending_name
from holdfast.shared.queue.names import (
    CLOCK,
    LEDGER,
    LUA,
    PREFIX,
    QUEUE,
    REPLAY,
    WRITERS_GROUP,
    WRITES,
    mended,
)
from holdfast.shared.writes.commands import Write, label

#: What Lua can pass on at once, with room for what the script adds.
_VALUES_MAX = 7000
_CALL_MAX_BYTES = 4 * 2**20
_CALL_MAX_VALUES = 100_000
#: How long Redis remembers that a replay is over: long after the last driver could still believe that it is not.
_REMEMBERED_S = 7 * 86_400

_RECALLED, _LOST, _CLOSED = "recalled", "lost", "closed"


class Sender:
    """The scripts of one Redis. Their result goes to the table of letters only when `replicas` of it have it: a letter
    that counts as sent, or as taken back, is not looked after again."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None) -> None:
        self._redis = redis
        self._send = Script(redis, LUA / "replay.lua", replicas)
        self._recall = Script(redis, LUA / "recall.lua", replicas)

    async def send(self, replay_id: int, chosen: Sequence[Chosen]) -> list[Sent]:
        """Those that are on the stream now, or were before, with their entry; of a closed replay none is new. Raises
        like a Script: then any of them may have been sent, and sending them again tells."""
        sent: list[Sent] = []
        for page in _pages(chosen):
            arguments = [value for one in page for value in _arguments(one.letter)]
            keys = [WRITES, CLOCK, LEDGER, REPLAY + str(replay_id), mended(WRITES)]
            keys += [key for one in page for key in _keys(_write(one.letter.fields), _write(one.letter.original))]
            answers = await self._send(keys, [PREFIX, str(replay_id), *arguments])
            sent += [_sent(one, text(answer)) for one, answer in zip(page, answers, strict=True)]
        return sent

    async def ask(self, replay_id: int, chosen: Sequence[Chosen]) -> list[Sent]:
        """What the queue knows of them, without sending any."""
        if not chosen:
            return []
        names = [id_of(one.letter.number) for one in chosen]
        known: Any = await self._redis.hmget(REPLAY + str(replay_id), names)
        return [_sent(one, text(answer) if answer else _CLOSED) for one, answer in zip(chosen, known, strict=True)]

    async def close(self, replay_id: int) -> None:
        """Nothing more is sent by this replay, whichever replica tries."""
        await self._redis.hset(REPLAY + str(replay_id), _CLOSED, "1")

    async def recall(self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str]) -> list[Chosen]:
        """Those that were taken back. `entries`: by position."""
        return await self._take_back(replay_id, sent, entries, _RECALLED)

    async def forget_lost(self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str]) -> list[Chosen]:
        """Those whose entries are not on the stream: what the queue still keeps of them goes, and their letters claim
        their unique values again."""
        return await self._take_back(replay_id, sent, entries, _LOST)

    async def _take_back(
        self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str], answer: str
    ) -> list[Chosen]:
        arguments: list[str | int] = []
        keys = [WRITES, REPLAY + str(replay_id)]
        for one in sent:
            write, old = _write(one.letter.fields), _write(one.letter.original)
            about = (write.operation_id, write.entity_id, pending_name(write.ref)) if write else ("", "", "")
            arguments += [id_of(one.letter.number), entries[one.position], *about, *claims_of(write), *claims_of(old)]
            keys += _keys(write, old)
        if not arguments:
            return []
        answers = await self._recall(keys, [PREFIX, WRITERS_GROUP, answer, *arguments])
        return [one for one, each in zip(sent, answers, strict=True) if text(each) == answer]

    async def forget(self, replay_id: int) -> None:
        """It is over: what it sent need not be known any more, only that it sends nothing."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(REPLAY + str(replay_id))
        pipeline.hset(REPLAY + str(replay_id), _CLOSED, "1")
        pipeline.expire(REPLAY + str(replay_id), _REMEMBERED_S)
        await pipeline.execute()


def sendable(letter: Current) -> bool:
    """Whether the script can pass its fields on."""
    return 2 * len(resent(letter.fields)) + 4 < _VALUES_MAX


def _pages(chosen: Sequence[Chosen]) -> Iterator[list[Chosen]]:
    """So that no call grows without bounds."""
    page: list[Chosen] = []
    size = values = 0
    for one in chosen:
        bytes_ = sum(len(name) + len(value) for name, value in one.letter.fields.items())
        if page and (size + bytes_ > _CALL_MAX_BYTES or values > _CALL_MAX_VALUES):
            yield page
            page, size, values = [], 0, 0
        page.append(one)
        size += bytes_
        values += 2 * len(one.letter.fields)
    if page:
        yield page


def _arguments(letter: Current) -> list[str | bytes | int]:
    """Of one letter, as replay.lua takes them."""
    write, old = _write(letter.fields), _write(letter.original)
    fields = [part for field in resent(letter.fields).items() for part in field]
    about: list[str | bytes | int] = [""] * 7
    if write is not None:
        about = [
            write.operation_id, write.ref.resource, write.entity_id, pending_name(write.ref), label(write.command),
            write.version, letter.fields[b"payload"],
        ]  # fmt: skip
    return [id_of(letter.number), *about, *claims_of(write), *claims_of(old), len(fields), *fields]


def _keys(write: Write | None, old: Write | None) -> list[str]:
    """All that the scripts may touch on behalf of a letter; `old`: as it was before it was edited."""
    if write is None:
        return QUEUE.kept("", "", claims_of(old))
    kept = QUEUE.kept(write.operation_id, pending_name(write.ref), claims_of(write))
    return kept + QUEUE.kept("", "", claims_of(old))


def _sent(one: Chosen, answer: str) -> Sent:
    # By the raw field: whatever build of the writer can read the entry ends it under this id.
    operation_id = raw_text(one.letter.fields, b"operation_id") or None
    entry_id = None if answer in (_RECALLED, _LOST, _CLOSED) else answer
    return Sent(one.position, one.letter.number, operation_id, entry_id)


def _write(fields: Mapping[bytes, bytes]) -> Write | None:
    try:
        return decode(resent(fields))
    except Undecodable:
        return None
