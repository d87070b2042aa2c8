"""Commands of streams, without those of their groups."""

from collections.abc import Sequence
from typing import Any

from tests.models.redis.commands import SYNTAX, Options, command
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import OK, Failure, Flat, Pairs
from tests.models.redis.stream import MOST, ZERO, Id, Stream, after, before, id_of, written

Args = Sequence[bytes]
Entry = list[Any]


def entry_of(stream: Stream, id: Id) -> Entry:
    """Return an entry as a reply. The fields of a deleted entry are null."""
    fields = stream.entries.get(id)
    return [written(id), None if fields is None else list(fields)]


def low_of(text: bytes) -> Id:
    """Return the lower end of a range. Raises Failure."""
    if text in (b"-", b"+"):
        return ZERO if text == b"-" else MOST
    return after(id_of(text[1:])) if text[:1] == b"(" else id_of(text)


def high_of(text: bytes) -> Id:
    """Return the upper end of a range. Raises Failure."""
    if text in (b"-", b"+"):
        return ZERO if text == b"-" else MOST
    return before(id_of(text[1:], MOST[1])) if text[:1] == b"(" else id_of(text, MOST[1])


def _trimming(options: Options) -> tuple[int, bool]:
    """Return (the greatest length, whether a few more entries may stay)."""
    about = options.peek() == b"~"
    if options.peek() in (b"~", b"="):
        options.value()
    return options.number(), about


def _trim(stream: Stream, most: int, about: bool) -> int:
    # With `~`, a real server drops only whole nodes of a hundred entries.
    return stream.trim(most + (100 if about and most else 0)) if len(stream.ids) > most else 0


@command("XADD", 4, None, grows=True)
def xadd(space: Keyspace, args: Args) -> Any:
    """Add an entry, and return its id."""
    key, options = args[0], Options(args[1:])
    trimming, make = None, True
    while options.peek().upper() in (b"MAXLEN", b"NOMKSTREAM"):
        if options.word() == b"MAXLEN":
            trimming = _trimming(options)
        else:
            make = False
    asked, fields = options.value(), list(options.rest())
    if not fields or len(fields) % 2:
        raise Failure("ERR wrong number of arguments for 'xadd' command")
    stream = space.get(key, Stream)
    if stream is None:
        if not make:
            return None
        Stream().next_id(asked, space.now_ms())
        stream = space.make(key, Stream)
    id = stream.next_id(asked, space.now_ms())
    stream.add(id, fields)
    if trimming:
        _trim(stream, *trimming)
    space.changed.append(key)
    return written(id)


@command("XTRIM", 3, None, writes=True)
def xtrim(space: Keyspace, args: Args) -> Any:
    """Trim a stream, by MAXLEN only."""
    options = Options(args[1:])
    if options.word() != b"MAXLEN":
        raise Failure(SYNTAX)
    stream = space.get(args[0], Stream)
    return _trim(stream, *_trimming(options)) if stream else 0


@command("XLEN", 1, 1)
def xlen(space: Keyspace, args: Args) -> Any:
    """Return the length."""
    stream = space.get(args[0], Stream)
    return len(stream.ids) if stream else 0


def _count(args: Args) -> int | None:
    options, count = Options(args), None
    while options:
        if options.word() != b"COUNT":
            raise Failure(SYNTAX)
        count = max(0, options.number())
    return count


@command("XRANGE", 3, None)
def xrange(space: Keyspace, args: Args) -> Any:
    """Return entries, the oldest first."""
    low, high, count = low_of(args[1]), high_of(args[2]), _count(args[3:])
    stream = space.get(args[0], Stream)
    if stream is None or count == 0:
        return [] if stream is None else None
    return [entry_of(stream, id) for id in stream.between(low, high)[:count]]


@command("XREVRANGE", 3, None)
def xrevrange(space: Keyspace, args: Args) -> Any:
    """Return entries, the newest first."""
    high, low, count = high_of(args[1]), low_of(args[2]), _count(args[3:])
    stream = space.get(args[0], Stream)
    if stream is None or count == 0:
        return [] if stream is None else None
    return [entry_of(stream, id) for id in stream.between(low, high)[::-1][:count]]


@command("XDEL", 2, None, writes=True)
def xdel(space: Keyspace, args: Args) -> Any:
    """Delete entries, and return how many there were."""
    ids = [id_of(each) for each in args[1:]]
    stream = space.get(args[0], Stream)
    return sum([stream.delete(id) for id in ids]) if stream else 0


@command("XSETID", 2, None, grows=True)
def xsetid(space: Keyspace, args: Args) -> Any:
    """Set the last id, with ENTRIESADDED and MAXDELETEDID."""
    last, options, added, deleted = id_of(args[1]), Options(args[2:]), None, None
    while options:
        word = options.word()
        if word == b"ENTRIESADDED":
            added = options.number()
        elif word == b"MAXDELETEDID":
            deleted = id_of(options.value())
            if last < deleted:
                raise Failure("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
        else:
            raise Failure(SYNTAX)
    stream = space.get(args[0], Stream)
    if stream is None:
        raise Failure("ERR no such key")
    _check_last(stream, last, added)
    stream.last = last
    if added is not None:
        stream.added = added
    if deleted is not None and deleted != ZERO:
        stream.deleted = deleted
    return OK


def _check_last(stream: Stream, last: Id, added: int | None) -> None:
    if stream.ids and last < stream.ids[-1]:
        raise Failure("ERR The ID specified in XSETID is smaller than the target stream top item")
    if stream.ids and added is not None and len(stream.ids) > added:
        raise Failure("ERR The entries_added specified in XSETID is smaller than the target stream length")


@command("XINFO STREAM", 1, 1)
def xinfo_stream(space: Keyspace, args: Args) -> Any:
    """Describe the stream as version 7.0 does, with one node in the tree."""
    stream = space.get(args[0], Stream)
    if stream is None:
        raise Failure("ERR no such key")
    return Flat([
        b"length", len(stream.ids), b"radix-tree-keys", 1, b"radix-tree-nodes", 2,
        b"last-generated-id", written(stream.last), b"max-deleted-entry-id", written(stream.deleted),
        b"entries-added", stream.added, b"recorded-first-entry-id", written(stream.first),
        b"groups", len(stream.groups),
        b"first-entry", entry_of(stream, stream.ids[0]) if stream.ids else None,
        b"last-entry", entry_of(stream, stream.ids[-1]) if stream.ids else None,
    ])  # fmt: skip


def read_after(stream: Stream | None, after_id: Id, count: int | None) -> list[Entry]:
    """Return the entries after this one."""
    if stream is None or after_id == MOST:
        return []
    return [entry_of(stream, id) for id in stream.between(after(after_id), MOST)[:count]]


def found_by(key: bytes, entries: list[Entry]) -> Pairs | None:
    """Return the reply to a read of one stream, or None if there is nothing."""
    return Pairs([[key, entries]]) if entries else None
