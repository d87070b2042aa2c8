"""Commands of consumer groups."""

from collections.abc import Sequence
from typing import Any

from tests.models.redis.commands import SYNTAX, Options, command
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import OK, Failure, Flat
from tests.models.redis.stream import Group, Stream, id_of, written

Args = Sequence[bytes]

_NO_KEY = (
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option"
    " to create an empty stream automatically."
)


def group_of(space: Keyspace, key: bytes, name: bytes) -> tuple[Stream, Group]:
    """Return a group. Raises Failure if there is none."""
    stream = space.get(key, Stream)
    group = stream.groups.get(name) if stream else None
    if stream is None or group is None:
        raise Failure(f"NOGROUP No such key '{_text(key)}' or consumer group '{_text(name)}'")
    return stream, group


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _stream(space: Keyspace, key: bytes) -> Stream:
    stream = space.get(key, Stream)
    if stream is None:
        raise Failure(_NO_KEY)
    return stream


def _known(stream: Stream, key: bytes, name: bytes) -> Group:
    group = stream.groups.get(name)
    if group is None:
        raise Failure(f"NOGROUP No such consumer group '{_text(name)}' for key name '{_text(key)}'")
    return group


@command("XGROUP CREATE", 3, None, grows=True)
def create(space: Keyspace, args: Args) -> Any:
    """Create a group, with MKSTREAM and ENTRIESREAD."""
    options, make, read = Options(args[3:]), False, None
    while options:
        word = options.word()
        if word == b"MKSTREAM":
            make = True
        elif word == b"ENTRIESREAD":
            number = options.number()
            if number < -1:
                raise Failure("ERR value for ENTRIESREAD must be positive or -1")
            read = None if number == -1 else number
        else:
            raise Failure(SYNTAX)
    stream = space.get(args[0], Stream)
    if stream is None and not make:
        raise Failure(_NO_KEY)
    last = None if args[2] == b"$" else id_of(args[2])
    if stream is None:
        stream = space.make(args[0], Stream)
    if args[1] in stream.groups:
        raise Failure("BUSYGROUP Consumer Group name already exists")
    stream.groups[args[1]] = Group(stream.last if last is None else last, read)
    return OK


@command("XGROUP SETID", 3, None, grows=True)
def setid(space: Keyspace, args: Args) -> Any:
    """Set the position of a group."""
    stream = _stream(space, args[0])
    group = _known(stream, args[0], args[1])
    options, read = Options(args[3:]), None
    if options:
        if options.word() != b"ENTRIESREAD":
            raise Failure(SYNTAX)
        read = options.number()
    group.last = stream.last if args[2] == b"$" else id_of(args[2])
    group.read = read
    return OK


@command("XGROUP DESTROY", 2, 2, writes=True)
def destroy(space: Keyspace, args: Args) -> Any:
    """Destroy a group, with its pending entries."""
    gone = _stream(space, args[0]).groups.pop(args[1], None) is not None
    if gone:
        space.changed.append(args[0])
    return int(gone)


@command("XGROUP CREATECONSUMER", 3, 3, grows=True)
def createconsumer(space: Keyspace, args: Args) -> Any:
    """Create a consumer, and return whether it is new."""
    group = _known(_stream(space, args[0]), args[0], args[1])
    new = args[2] not in group.consumers
    group.consumers.setdefault(args[2], space.now_ms())
    return int(new)


@command("XGROUP DELCONSUMER", 3, 3, writes=True)
def delconsumer(space: Keyspace, args: Args) -> Any:
    """Delete a consumer, and return the number of its pending entries, which are deleted too."""
    group = _known(_stream(space, args[0]), args[0], args[1])
    group.consumers.pop(args[2], None)
    gone = [id for id, pending in group.pending.items() if pending.consumer == args[2]]
    for id in gone:
        del group.pending[id]
    return len(gone)


@command("XACK", 3, None, writes=True)
def xack(space: Keyspace, args: Args) -> Any:
    """Acknowledge entries, and return how many were pending."""
    stream = space.get(args[0], Stream)
    ids = [id_of(each) for each in args[2:]]
    group = stream.groups.get(args[1]) if stream else None
    return sum([group.pending.pop(id, None) is not None for id in ids]) if group else 0


@command("XINFO GROUPS", 1, 1)
def xinfo_groups(space: Keyspace, args: Args) -> Any:
    """Describe each group."""
    stream = space.get(args[0], Stream)
    if stream is None:
        raise Failure("ERR no such key")
    return [
        Flat([
            b"name", name, b"consumers", len(group.consumers), b"pending", len(group.pending),
            b"last-delivered-id", written(group.last), b"entries-read", group.read, b"lag", stream.lag(group),
        ])
        for name, group in sorted(stream.groups.items())
    ]  # fmt: skip


@command("XINFO CONSUMERS", 2, 2)
def xinfo_consumers(space: Keyspace, args: Args) -> Any:
    """Describe each consumer of a group."""
    stream = space.get(args[0], Stream)
    if stream is None:
        raise Failure("ERR no such key")
    group, now_ms = _known(stream, args[0], args[1]), space.now_ms()
    held = [pending.consumer for pending in group.pending.values()]
    return [
        Flat([b"name", name, b"pending", held.count(name), b"idle", max(0, now_ms - seen_ms)])
        for name, seen_ms in sorted(group.consumers.items())
    ]
