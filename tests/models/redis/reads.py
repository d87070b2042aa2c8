"""Commands that read streams, and may wait for an entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.models.redis.commands import SYNTAX, Options, command
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import Failure, Pairs
from tests.models.redis.stream import MOST, Group, Id, Pending, Stream, after, id_of
from tests.models.redis.streams import Entry, entry_of, read_after

Args = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Wait:
    """A read that found nothing. `again`: reads again for a changed key, and returns None if there is still nothing."""

    keys: Sequence[bytes]
    #: Milliseconds to wait; 0 for no limit.
    timeout_ms: int
    again: Callable[[], Any]


@dataclass(slots=True)
class _Read:
    """What is asked for. `block_ms`: None if it does not wait."""

    group: bytes = b""
    consumer: bytes = b""
    count: int | None = None
    block_ms: int | None = None
    acknowledge: bool = True
    keys: Sequence[bytes] = ()
    ids: Sequence[bytes] = ()


def _parse(args: Args, command_name: str) -> _Read:
    options, read = Options(args), _Read()
    while (word := options.word()) != b"STREAMS":
        if word == b"GROUP":
            read.group, read.consumer = options.value(), options.value()
        elif word == b"COUNT":
            read.count = options.number()
            read.count = None if read.count <= 0 else read.count
        elif word == b"BLOCK":
            read.block_ms = options.number()
            if read.block_ms < 0:
                raise Failure("ERR timeout is negative")
        elif word == b"NOACK":
            read.acknowledge = False
        else:
            raise Failure(SYNTAX)
    rest = options.rest()
    if not rest or len(rest) % 2:
        raise Failure(
            f"ERR Unbalanced '{command_name}' list of streams: for each stream key an ID or '$' must be specified."
        )
    read.keys, read.ids = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    return read


@command("XREAD", 3, None)
def xread(space: Keyspace, args: Args) -> Any:
    """Return the entries after the given ids."""
    read = _parse(args, "xread")
    starts: list[Id] = []
    for key, id in zip(read.keys, read.ids, strict=True):
        stream = space.get(key, Stream)
        starts.append((stream.last if stream else (0, 0)) if id == b"$" else id_of(id))

    def again() -> Any:
        pairs = Pairs()
        for key, start in zip(read.keys, starts, strict=True):
            if entries := read_after(space.get(key, Stream), start, read.count):
                pairs.append([key, entries])
        return pairs or None

    return _or_wait(again(), read, again)


@command("XREADGROUP", 6, None, writes=True, in_scripts=True)
def xreadgroup(space: Keyspace, args: Args) -> Any:
    """Return new entries of the group, or those that its consumer holds."""
    read = _parse(args, "xreadgroup")
    if not read.group:
        raise Failure("ERR Missing GROUP option for XREADGROUP")

    def found() -> Any:
        pairs = Pairs()
        groups = [_group(space, key, read.group) for key in read.keys]
        for key, id, (stream, group) in zip(read.keys, read.ids, groups, strict=True):
            if id != b">":
                pairs.append([key, _held(space, stream, group, read, id_of(id))])
            elif entries := _new(space, stream, group, read):
                pairs.append([key, entries])
        return pairs or None

    def again() -> Any:
        for key in read.keys:
            _still_there(space, key, read.group)
        return found()

    return _or_wait(found(), read, again)


def _still_there(space: Keyspace, key: bytes, group: bytes) -> None:
    """Raise Failure if a group is gone that existed when the wait began."""
    if space.kind(key) is not Stream:
        raise Failure("UNBLOCKED the stream key no longer exists")
    stream = space.get(key, Stream)
    if stream and group not in stream.groups:
        raise Failure("NOGROUP the consumer group this client was blocked on no longer exists")


def _or_wait(found: Any, read: _Read, again: Callable[[], Any]) -> Any:
    return Wait(read.keys, read.block_ms, again) if found is None and read.block_ms is not None else found


def _group(space: Keyspace, key: bytes, name: bytes) -> tuple[Stream, Group]:
    stream = space.get(key, Stream)
    group = stream.groups.get(name) if stream else None
    if stream is None or group is None:
        raise Failure(
            f"NOGROUP No such key '{key.decode('utf-8', 'surrogateescape')}' or consumer group"
            f" '{name.decode('utf-8', 'surrogateescape')}' in XREADGROUP with GROUP option"
        )
    return stream, group


def _new(space: Keyspace, stream: Stream, group: Group, read: _Read) -> list[Entry]:
    if group.last >= stream.last:
        return []
    ids, now_ms = stream.between(after(group.last), MOST)[: read.count], space.now_ms()
    if ids:
        group.consumers[read.consumer] = now_ms
    for id in ids:
        stream.deliver(group, id)
        if read.acknowledge:
            group.pending[id] = Pending(read.consumer, now_ms, 1)
    return [entry_of(stream, id) for id in ids]


def _held(space: Keyspace, stream: Stream, group: Group, read: _Read, start: Id) -> list[Entry]:
    now_ms = space.now_ms()
    group.consumers[read.consumer] = now_ms
    mine = [id for id in group.pending_between(after(start), MOST) if group.pending[id].consumer == read.consumer]
    found = mine[: read.count]
    for id in found:
        if id in stream.entries:
            group.pending[id].delivered_ms = now_ms
            group.pending[id].deliveries += 1
    return [entry_of(stream, id) for id in found]
