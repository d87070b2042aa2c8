"""Commands of strings and of keys."""

import fnmatch
from collections.abc import Sequence
from typing import Any

from tests.models.redis.commands import SYNTAX, Options, command, integer
from tests.models.redis.keyspace import KINDS, Keyspace
from tests.models.redis.reply import OK, Failure, Simple

Args = Sequence[bytes]


@command("GET", 1, 1)
def get(space: Keyspace, args: Args) -> Any:
    """Return a string."""
    return space.get(args[0], bytes)


@command("MGET", 1, None)
def mget(space: Keyspace, args: Args) -> Any:
    """Return strings, with a null for each key that is missing or no string."""
    return [space.get(key, bytes) if space.kind(key) is bytes else None for key in args]


@command("SET", 2, None, grows=True)
def set_(space: Keyspace, args: Args) -> Any:
    """Set a string, with NX, XX, GET, KEEPTTL, EX, PX, EXAT, PXAT."""
    key, value, options = args[0], args[1], Options(args[2:])
    words, at_ms = set(), None
    while options:
        word = options.word()
        if word in (b"EX", b"PX", b"EXAT", b"PXAT"):
            at_ms = _expiry_ms(space, word, options.number())
        elif word in (b"NX", b"XX", b"GET", b"KEEPTTL"):
            words.add(word)
        else:
            raise Failure(SYNTAX)
    old = space.get(key, bytes) if b"GET" in words else None
    there = space.exists(key)
    if (b"NX" in words and there) or (b"XX" in words and not there):
        return old
    if b"KEEPTTL" in words:
        space.replace(key, value)
    else:
        space.set(key, value)
        if at_ms is not None:
            space.expire(key, at_ms)
    return old if b"GET" in words else OK


def _expiry_ms(space: Keyspace, word: bytes, number: int) -> int:
    if number <= 0:
        raise Failure("ERR invalid expire time in 'set' command")
    ms = number if word[:1] == b"P" else number * 1000
    return ms if word.endswith(b"AT") else space.now_ms() + ms


@command("INCRBY", 2, 2, grows=True)
def incrby(space: Keyspace, args: Args) -> Any:
    """Add to a number, and return the sum."""
    total = integer(space.get(args[0], bytes) or b"0") + integer(args[1])
    space.replace(args[0], b"%d" % total)
    return total


@command("INCR", 1, 1, grows=True)
def incr(space: Keyspace, args: Args) -> Any:
    """Add one to a number, and return the sum."""
    return incrby(space, (args[0], b"1"))


@command("BITFIELD", 1, None, grows=True)
def bitfield(space: Keyspace, args: Args) -> Any:
    """Run GET and SET of unsigned numbers, and return the old value of each."""
    bits, options, answers, sets = bytearray(space.get(args[0], bytes) or b""), Options(args[1:]), [], False
    while options:
        word, kind, at = options.word(), options.value(), options.number()
        if word not in (b"GET", b"SET") or not kind.startswith(b"u") or not 0 < int(kind[1:]) < 64:
            raise Failure(SYNTAX)
        width = int(kind[1:])
        size = (at + width + 7) // 8
        after = 8 * max(size, len(bits)) - at - width
        number, mask = int.from_bytes(bits.ljust(size, b"\0")), (1 << width) - 1
        answers.append(number >> after & mask)
        if word == b"SET":
            number, sets = number & ~(mask << after) | (options.number() & mask) << after, True
            bits[:] = number.to_bytes(max(size, len(bits)))
    if sets:
        space.replace(args[0], bytes(bits))
    return answers


@command("SETRANGE", 3, 3, grows=True)
def setrange(space: Keyspace, args: Args) -> Any:
    """Overwrite a part of a value, and return its length."""
    key, at, part = args[0], integer(args[1]), args[2]
    value = bytearray(space.get(key, bytes) or b"")
    if part:
        value.extend(bytes(max(0, at + len(part) - len(value))))
        value[at : at + len(part)] = part
        space.replace(key, bytes(value))
    return len(value)


@command("DEL", 1, None, writes=True)
@command("UNLINK", 1, None, writes=True)
def delete(space: Keyspace, args: Args) -> Any:
    """Delete keys, and return how many there were."""
    return sum([space.delete(key) for key in args])


@command("EXISTS", 1, None)
def exists(space: Keyspace, args: Args) -> Any:
    """Return how many of these keys exist."""
    return sum([space.exists(key) for key in args])


@command("TYPE", 1, 1)
def type_(space: Keyspace, args: Args) -> Any:
    """Return the name of the type."""
    kind = space.kind(args[0])
    return Simple(KINDS[kind].decode() if kind else "none")


@command("RENAME", 2, 2, writes=True)
def rename(space: Keyspace, args: Args) -> Any:
    """Rename a key, replacing what was there."""
    space.rename(args[0], args[1])
    return OK


def _expire(space: Keyspace, args: Args, at_ms: int) -> int:
    if not space.exists(args[0]):
        return 0
    old, word = space.expires_ms(args[0]), args[2].upper() if len(args) > 2 else b""
    if word and word not in (b"NX", b"XX", b"GT", b"LT"):
        raise Failure(f"ERR Unsupported option {word.decode()}")
    if (
        (word == b"NX" and old is not None)
        or (word == b"XX" and old is None)
        or (word == b"GT" and (old is None or at_ms <= old))
        or (word == b"LT" and old is not None and at_ms >= old)
    ):
        return 0
    space.expire(args[0], at_ms)
    return 1


@command("EXPIRE", 2, 3, writes=True)
def expire(space: Keyspace, args: Args) -> Any:
    """Set the expiry in seconds from now."""
    return _expire(space, args, space.now_ms() + integer(args[1]) * 1000)


@command("PEXPIRE", 2, 3, writes=True)
def pexpire(space: Keyspace, args: Args) -> Any:
    """Set the expiry in milliseconds from now."""
    return _expire(space, args, space.now_ms() + integer(args[1]))


@command("PERSIST", 1, 1, writes=True)
def persist(space: Keyspace, args: Args) -> Any:
    """Remove the expiry."""
    if not space.exists(args[0]) or space.expires_ms(args[0]) is None:
        return 0
    space.expire(args[0], None)
    return 1


@command("PTTL", 1, 1)
def pttl(space: Keyspace, args: Args) -> Any:
    """Return the milliseconds to the expiry: -1 for none, -2 for a missing key."""
    if not space.exists(args[0]):
        return -2
    at_ms = space.expires_ms(args[0])
    return -1 if at_ms is None else at_ms - space.now_ms()


@command("TTL", 1, 1)
def ttl(space: Keyspace, args: Args) -> Any:
    """Return the seconds to the expiry."""
    left_ms = pttl(space, args)
    return left_ms if left_ms < 0 else (left_ms + 500) // 1000


@command("KEYS", 1, 1)
def keys(space: Keyspace, args: Args) -> Any:
    """Return the matching keys."""
    return [key for key in space.names() if _matches(key, args[0])]


@command("SCAN", 1, None)
def scan(space: Keyspace, args: Args) -> Any:
    """Return all keys at once."""
    options, pattern, kind = Options(args[1:]), b"*", None
    while options:
        word, value = options.word(), options.value()
        if word == b"MATCH":
            pattern = value
        elif word == b"TYPE":
            kind = value.lower()
        elif word != b"COUNT":
            raise Failure(SYNTAX)
    found = [key for key in space.names() if _matches(key, pattern)]
    return [b"0", [key for key in found if kind is None or KINDS[space.kind(key) or bytes] == kind]]


def _matches(key: bytes, pattern: bytes) -> bool:
    return pattern == b"*" or fnmatch.fnmatchcase(key.decode("latin-1"), pattern.decode("latin-1"))


@command("DBSIZE", 0, 0)
def dbsize(space: Keyspace, _args: Args) -> Any:
    """Return the number of keys."""
    return len(space.names())


@command("FLUSHALL", 0, 1, writes=True)
@command("FLUSHDB", 0, 1, writes=True)
def flush(space: Keyspace, _args: Args) -> Any:
    """Delete everything."""
    space.clear()
    return OK


@command("TIME", 0, 0)
def time(space: Keyspace, _args: Args) -> Any:
    """Return seconds and microseconds."""
    return [b"%d" % part for part in divmod(space.now_us(), 1_000_000)]


@command("INFO", 0, None)
def info(space: Keyspace, args: Args) -> Any:
    """Return the id of the process and of its replication history."""
    process = b"%040x" % space.process
    lines = {b"SERVER": b"# Server\r\nrun_id:", b"REPLICATION": b"# Replication\r\nmaster_replid:"}
    return b"\r\n".join([lines[arg.upper()] + process + b"\r\n" for arg in args if arg.upper() in lines])
