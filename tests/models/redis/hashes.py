"""Commands of hashes and lists."""

from collections.abc import Sequence
from typing import Any

from tests.models.redis.commands import command, integer
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import OK, Failure, Flat

Args = Sequence[bytes]


@command("HGET", 2, 2)
def hget(space: Keyspace, args: Args) -> Any:
    """Return one value."""
    found = space.get(args[0], dict)
    return found.get(args[1]) if found else None


@command("HMGET", 2, None)
def hmget(space: Keyspace, args: Args) -> Any:
    """Return values, with a null for each missing one."""
    found = space.get(args[0], dict) or {}
    return [found.get(name) for name in args[1:]]


@command("HGETALL", 1, 1)
def hgetall(space: Keyspace, args: Args) -> Any:
    """Return names and values."""
    found = space.get(args[0], dict) or {}
    return Flat([part for pair in found.items() for part in pair])


@command("HSCAN", 2, None)
def hscan(space: Keyspace, args: Args) -> Any:
    """Return all of them at once."""
    integer(args[1])
    return [b"0", [part for pair in (space.get(args[0], dict) or {}).items() for part in pair]]


@command("HKEYS", 1, 1)
def hkeys(space: Keyspace, args: Args) -> Any:
    """Return the names."""
    return list(space.get(args[0], dict) or ())


@command("HLEN", 1, 1)
def hlen(space: Keyspace, args: Args) -> Any:
    """Return the number of names."""
    return len(space.get(args[0], dict) or ())


@command("HEXISTS", 2, 2)
def hexists(space: Keyspace, args: Args) -> Any:
    """Return whether there is such a name."""
    return int(args[1] in (space.get(args[0], dict) or ()))


@command("HSET", 3, None, grows=True)
def hset(space: Keyspace, args: Args) -> Any:
    """Set values, and return how many names are new."""
    if len(args) % 2 == 0:
        raise Failure("ERR wrong number of arguments for 'hset' command")
    found = space.make(args[0], dict)
    before = len(found)
    found.update(zip(args[1::2], args[2::2], strict=True))
    return len(found) - before


@command("HSETNX", 3, 3, grows=True)
def hsetnx(space: Keyspace, args: Args) -> Any:
    """Set a value unless there is one."""
    found = space.make(args[0], dict)
    if args[1] in found:
        return 0
    found[args[1]] = args[2]
    return 1


@command("HINCRBY", 3, 3, grows=True)
def hincrby(space: Keyspace, args: Args) -> Any:
    """Add to a number, and return the sum."""
    by, found = integer(args[2]), space.make(args[0], dict)
    try:
        total = integer(found.get(args[1], b"0"), "ERR hash value is not an integer")
    except Failure:
        space.drop_if_empty(args[0], found)
        raise
    found[args[1]] = b"%d" % (total + by)
    return total + by


@command("HDEL", 2, None, writes=True)
def hdel(space: Keyspace, args: Args) -> Any:
    """Delete names, and return how many there were."""
    found = space.get(args[0], dict)
    if found is None:
        return 0
    gone = sum([found.pop(name, None) is not None for name in args[1:]])
    space.drop_if_empty(args[0], found)
    return gone


@command("RPUSH", 2, None, grows=True)
def rpush(space: Keyspace, args: Args) -> Any:
    """Append, and return the length."""
    found = space.make(args[0], list)
    found += args[1:]
    return len(found)


@command("LPUSH", 2, None, grows=True)
def lpush(space: Keyspace, args: Args) -> Any:
    """Prepend, and return the length."""
    found = space.make(args[0], list)
    found[:0] = args[:0:-1]
    return len(found)


def _pop(space: Keyspace, key: bytes, at: int) -> Any:
    found = space.get(key, list)
    if found is None:
        return None
    value = found.pop(at)
    space.drop_if_empty(key, found)
    return value


@command("LPOP", 1, 1, writes=True)
def lpop(space: Keyspace, args: Args) -> Any:
    """Take the first element."""
    return _pop(space, args[0], 0)


@command("RPOP", 1, 1, writes=True)
def rpop(space: Keyspace, args: Args) -> Any:
    """Take the last element."""
    return _pop(space, args[0], -1)


@command("LLEN", 1, 1)
def llen(space: Keyspace, args: Args) -> Any:
    """Return the length."""
    return len(space.get(args[0], list) or ())


def _slice(found: list[bytes], first: bytes, last: bytes) -> slice:
    low, high = integer(first), integer(last)
    low, high = low + len(found) if low < 0 else low, high + len(found) if high < 0 else high
    return slice(max(0, low), max(0, high + 1))


@command("LRANGE", 3, 3)
def lrange(space: Keyspace, args: Args) -> Any:
    """Return a range. Negative positions count from the end."""
    found = space.get(args[0], list) or []
    return found[_slice(found, args[1], args[2])]


@command("LTRIM", 3, 3, writes=True)
def ltrim(space: Keyspace, args: Args) -> Any:
    """Keep only a range."""
    found = space.get(args[0], list)
    if found is not None:
        found[:] = found[_slice(found, args[1], args[2])]
        space.drop_if_empty(args[0], found)
    return OK
