"""Sender: puts letters on the write stream, each at most once, and takes them back."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from redis.asyncio import Redis

from holdfast.services.dlq_admin.replays.held import Held
from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.edit.versions import Current
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays.resent import resent
from holdfast.shared.letters.replays.sending import Chosen, Sent
from holdfast.shared.queue.agreement import Agreed
from holdfast.shared.queue.asking import AWAY, ask_each
from holdfast.shared.queue.claims import Change, Claims
from holdfast.shared.queue.codec import Undecodable, decode, raw_entity_id, raw_text
from holdfast.shared.queue.entities import listed, pending_name
from holdfast.shared.queue.names import LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition, Partitions, mended
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.writes.commands import Write, label

#: Most values that Lua can pass to one command, with room for those that the script adds.
_VALUES_MAX = 7000
_CALL_MAX_BYTES = 4 * 2**20
_CALL_MAX_VALUES = 100_000
#: How long Redis remembers that a replay is over (s): long after the last driver could still take it for running.
_REMEMBERED_S = 7 * 86_400

_RECALLED, _LOST, _CLOSED = "recalled", "lost", "closed"

_FORGET = """#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], ARGV[1], '1')
return redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class Sender:
    """Runs the replay scripts of one queue. A result is written to the table of letters only after `replicas` of the
    queue have it, because a letter that counts as sent, or as taken back, is not checked again."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._send = Agreed(redis, len(partitions), Script(redis, LUA / "replay.lua", replicas))
        self._recall = Script(redis, LUA / "recall.lua", replicas)
        self._claims = Claims(redis, partitions, replicas) if len(partitions) > 1 else None

    async def send(self, replay_id: int, chosen: Sequence[Chosen], held: Held) -> list[Sent]:
        """Send letters, and return those that are on the stream now or were before, with their entry. A closed replay
        sends nothing new. All other letters are held: any of them may have been sent, and sending it again shows
        whether it was. Raises like a Script if no partition answers."""
        sent: list[Sent] = []
        for partition, mine in self._split(chosen):
            for page in parts_of(mine, _CALL_MAX_BYTES, _size):
                ready = self._ready(partition, page, held)
                held.away.update(await self._change("reserve", "release", ready))
                ready = self._ready(partition, ready, held)
                if not ready:
                    continue
                try:
                    sent += await self._send_in(partition, replay_id, ready)
                except AWAY as error:
                    held.failed(partition, error)
                    self._ready(partition, ready, held)  # later letters of their entities are held, too
        self._raise_if_all(held)
        return sent

    async def _send_in(self, partition: Partition, replay_id: int, page: Sequence[Chosen]) -> list[Sent]:
        writes = partition.writes
        keys = [writes, partition.clock, partition.ledger, partition.replay(replay_id), mended(writes)]
        keys += [key for one in page for key in self._keys(partition, one)]
        arguments = [value for one in page for value in _arguments(one.letter, claims=self._claims is None)]
        answers = await self._send(keys, [partition.prefix, str(replay_id), *arguments])
        return [_sent(one, text(answer)) for one, answer in zip(page, answers, strict=True)]

    def without_held(self, chosen: Sequence[Chosen], held: Held) -> tuple[list[Chosen], list[Sent]]:
        """Return the letters to send, and those that wait, marked as not sent."""
        ready = [one for partition, mine in self._split(chosen) for one in self._ready(partition, mine, held)]
        positions = {one.position for one in ready}
        return ready, [_sent(one, _CLOSED) for one in chosen if one.position not in positions]

    async def ask(self, replay_id: int, chosen: Sequence[Chosen], held: Held) -> list[Sent]:
        """Return what the queue knows of letters, without sending any; letters of a partition that is down are left
        out. Raises RedisError, OSError if no partition answers."""
        parts = {each: mine for each, mine in self._split(chosen) if each not in held.away}

        async def ask(partition: Partition) -> list[Sent]:
            mine = parts[partition]
            names = [id_of(one.letter.number) for one in mine]
            known: Any = await self._redis.hmget(partition.replay(replay_id), names)
            return [_sent(one, text(answer) if answer else _CLOSED) for one, answer in zip(mine, known, strict=True)]

        answers = await ask_each(parts, ask)
        held.away.update(answers.away)
        self._raise_if_all(held)
        return list(chain.from_iterable(answers.of.values()))

    async def close(self, replay_id: int) -> Held:
        """Close the replay, so that no replica sends any more of it, except in the partitions that are down, which are
        returned. Raises RedisError, OSError if no partition answers."""

        async def close(partition: Partition) -> None:
            await self._redis.hset(partition.replay(replay_id), _CLOSED, "1")

        held = Held()
        held.away.update((await ask_each(self._partitions, close)).away)
        self._raise_if_all(held)
        return held

    def _raise_if_all(self, held: Held) -> None:
        if len(held.away) == len(self._partitions):
            held.raise_one()

    async def recall(
        self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str], held: Held
    ) -> list[Chosen]:
        """Take entries back, and return the letters for which that worked. `entries`: entry ids by position. The other
        letters were delivered to a writer, or are held."""
        return await self._take_back(replay_id, sent, entries, _RECALLED, held)

    async def forget_lost(self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str]) -> list[Chosen]:
        """Return the letters whose entries are not on the stream. What the queue still keeps of them is removed, and
        the letters claim their unique values again."""
        held = Held()
        if not (taken := await self._take_back(replay_id, sent, entries, _LOST, held)):
            held.raise_one()
        return taken

    async def _take_back(
        self, replay_id: int, sent: Sequence[Chosen], entries: Mapping[int, str], answer: str, held: Held
    ) -> list[Chosen]:
        """Take letters back, partition by partition. A letter counts only when its claims are changed, too; repeating
        an incomplete attempt gives the same answer."""
        taken: list[Chosen] = []
        for partition, all_of_it in self._split(sent):
            if not (mine := self._ready(partition, all_of_it, held)):
                continue
            keys, arguments = [partition.writes, partition.replay(replay_id)], list[str | int]()
            for one in mine:
                write, old = self._writes(one)
                about = (write.operation_id, write.entity_id, pending_name(write.ref)) if write else ("", "", "")
                claims = [*_listed(write), *_listed(old)] if self._claims is None else [0, 0]
                arguments += [id_of(one.letter.number), entries[one.position], *about, *claims]
                keys += self._keys(partition, one)
            try:
                answers = await self._recall(keys, [partition.prefix, WRITERS_GROUP, answer, *arguments])
            except AWAY as error:
                held.failed(partition, error)
                continue
            back = [one for one, each in zip(mine, answers, strict=True) if text(each) == answer]
            held.away.update(await self._change("release", "reserve", back))
            taken += self._ready(partition, back, held)
        self._raise_if_all(held)
        return taken

    async def forget(self, replay_id: int) -> None:
        """Forget what a finished replay has sent, and remember only that it sends nothing more. A partition that is
        down keeps its record until it expires: what was sent once is not sent a second time."""

        async def forget(partition: Partition) -> None:
            await self._redis.eval(_FORGET, 1, partition.replay(replay_id), _CLOSED, _REMEMBERED_S)

        await ask_each(self._partitions, forget)

    def _split(self, chosen: Sequence[Chosen]) -> list[tuple[Partition, list[Chosen]]]:
        """Return the letters by the partition of their entity. A letter that names no entity may go to any
        partition."""
        return list(self._partitions.split((raw_entity_id(one.letter.fields), one) for one in chosen).items())

    def _writes(self, one: Chosen) -> tuple[Write | None, Write | None]:
        """Return the letter's write, and the write that it was before it was edited."""
        return _write(one.letter.fields), _write(one.letter.original)

    def _keys(self, partition: Partition, one: Chosen) -> list[str]:
        """Return all keys that the scripts may touch on behalf of a letter."""
        write, old = self._writes(one)
        known = self._claims is None
        kept = partition.kept("", "", _listed(old if known else None))
        if write is None:
            return kept
        return partition.kept(write.operation_id, pending_name(write.ref), _listed(write if known else None)) + kept

    def _ready(self, partition: Partition, chosen: Sequence[Chosen], held: Held) -> list[Chosen]:
        """Return the letters that need not wait."""
        return [one for one in chosen if not held.keeps(raw_entity_id(one.letter.fields), self._needs(partition, one))]

    def _needs(self, partition: Partition, one: Chosen) -> set[Partition]:
        """Return the partitions of a letter and of its unique values."""
        if self._claims is None:
            return {partition}
        values = chain.from_iterable(each.claims for each in self._writes(one) if each)
        return {partition, *map(self._claims.of, values)}

    async def _change(self, act: str, act_on_old: str, page: Sequence[Chosen]) -> dict[Partition, Exception]:
        """Change the claims of letters if unique values have partitions of their own: `act` for the values that they
        have now, `act_on_old` for values that only their originals had. Return the partitions that are down."""
        if self._claims is None:
            return {}
        changes = []
        for one in page:
            write, old = self._writes(one)
            if write is None:
                continue
            new, before = write.claims, old.claims if old else ()
            steps = [(act_on_old, value) for value in before if value not in new]
            steps += [(act, value) for value in new if act == "reserve" or value not in before]
            if act_on_old == "reserve":
                steps += [(act_on_old, value) for value in before if value in new]
            changes += [Change(each, 0, write.entity_id, write.operation_id, value) for each, value in steps]
        parts, claims = self._claims.by_partition(changes), self._claims
        return (await ask_each(parts, lambda each: claims.change_in(each, parts[each]))).away


def sendable(letter: Current) -> bool:
    """Return whether the script can pass on the letter's fields."""
    return 2 * len(resent(letter.fields)) + 4 < _VALUES_MAX


def _listed(write: Write | None) -> list[str | int]:
    return listed(write.claims if write else ())


def _size(one: Chosen) -> int:
    """Return a letter's share of a call: its bytes or, of a letter of many short fields, the room of its values."""
    fields = one.letter.fields
    return max(sum(map(len, chain(fields, fields.values()))), 2 * len(fields) * _CALL_MAX_BYTES // _CALL_MAX_VALUES)


def _arguments(letter: Current, *, claims: bool) -> list[str | bytes | int]:
    """Return the arguments of one letter for replay.lua. `claims`: whether the script makes the claims."""
    write, old = _write(letter.fields), _write(letter.original)
    fields = [part for field in resent(letter.fields).items() for part in field]
    about: list[str | bytes | int] = [""] * 7
    if write is not None:
        about = [
            write.operation_id,
            write.ref.resource,
            write.entity_id,
            pending_name(write.ref),
            label(write.command),
            write.version,
            letter.fields[b"payload"],
        ]
    claimed = [*_listed(write), *_listed(old)] if claims else [0, 0]
    return [id_of(letter.number), *about, *claimed, len(fields), *fields]


def _sent(one: Chosen, answer: str) -> Sent:
    # From the raw field: any build of the writer that can decode the entry ends its operation under this id.
    operation_id = raw_text(one.letter.fields, b"operation_id") or None
    entry_id = None if answer in (_RECALLED, _LOST, _CLOSED) else answer
    return Sent(one.position, one.letter.number, operation_id, entry_id)


def _write(fields: Mapping[bytes, bytes]) -> Write | None:
    try:
        return decode(resent(fields))
    except Undecodable:
        return None
