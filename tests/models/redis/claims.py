"""Commands that assign pending entries to a consumer, and show what is pending."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.models.redis.commands import Options, command, integer
from tests.models.redis.groups import group_of
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import Failure
from tests.models.redis.stream import MOST, ZERO, Group, Id, Pending, id_of, written
from tests.models.redis.streams import entry_of, high_of, low_of

Args = Sequence[bytes]

_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM"
_MIN_IDLE_AUTO = "ERR Invalid min-idle-time argument for XAUTOCLAIM"


@dataclass(slots=True)
class _Claim:
    """What a claim sets. `deliveries`: None for one more, unless only ids are asked for."""

    delivered_ms: int
    deliveries: int | None = None
    force: bool = False
    ids_only: bool = False
    last: Id = ZERO

    def give(self, pending: Pending, consumer: bytes) -> None:
        """Assign an entry to the consumer."""
        pending.consumer, pending.delivered_ms = consumer, self.delivered_ms
        if self.deliveries is not None:
            pending.deliveries = self.deliveries
        elif not self.ids_only:
            pending.deliveries += 1


def _claim_of(now_ms: int, options: Options) -> _Claim:
    claim = _Claim(now_ms)
    while options:
        word = options.word()
        if word == b"FORCE":
            claim.force = True
        elif word == b"JUSTID":
            claim.ids_only = True
        elif word == b"IDLE":
            claim.delivered_ms = now_ms - options.number()
        elif word == b"TIME":
            claim.delivered_ms = options.number()
        elif word == b"RETRYCOUNT":
            claim.deliveries = options.number()
        elif word == b"LASTID":
            claim.last = id_of(options.value())
        else:
            raise Failure(f"ERR Unrecognized XCLAIM option '{word.decode()}'")
    if not 0 <= claim.delivered_ms <= now_ms:
        claim.delivered_ms = now_ms
    return claim


@command("XCLAIM", 5, None, writes=True)
def xclaim(space: Keyspace, args: Args) -> Any:
    """Return the entries that the consumer holds now."""
    stream, group = group_of(space, args[0], args[1])
    consumer, idle_ms, now_ms = args[2], max(0, integer(args[3], _MIN_IDLE)), space.now_ms()
    ids_end = next((at for at in range(4, len(args)) if not args[at][:1].isdigit()), len(args))
    ids, claim = [id_of(each) for each in args[4:ids_end]], _claim_of(now_ms, Options(args[ids_end:]))
    group.last = max(group.last, claim.last)
    claimed: list[Any] = []
    for id in ids:
        pending = group.pending.get(id)
        if id not in stream.entries:
            group.pending.pop(id, None)
            continue
        if pending is None:
            if not claim.force:
                continue
            pending = group.pending[id] = Pending(consumer, now_ms, 1)
        elif idle_ms and now_ms - pending.delivered_ms < idle_ms:
            continue
        group.consumers[consumer] = now_ms
        claim.give(pending, consumer)
        claimed.append(written(id) if claim.ids_only else entry_of(stream, id))
    return claimed


@command("XAUTOCLAIM", 5, None, writes=True)
def xautoclaim(space: Keyspace, args: Args) -> Any:
    """Return [the next cursor, the entries that the consumer holds now, ids that were pending and are deleted]."""
    idle_ms, start, now_ms = max(0, integer(args[3], _MIN_IDLE_AUTO)), low_of(args[4]), space.now_ms()
    options, count, claim = Options(args[5:]), 100, _Claim(now_ms)
    while options:
        word = options.word()
        if word == b"COUNT":
            count = options.number()
            if count < 1:
                raise Failure("ERR COUNT must be > 0")
        elif word == b"JUSTID":
            claim.ids_only = True
        else:
            raise Failure("ERR syntax error")
    stream, group = group_of(space, args[0], args[1])
    waiting, tries = group.pending_between(start, MOST), count * 10
    claimed: list[Any] = []
    gone: list[bytes] = []
    at = 0
    while at < len(waiting) and at < tries and len(claimed) + len(gone) < count:
        id = waiting[at]
        at += 1
        if id not in stream.entries:
            del group.pending[id]
            gone.append(written(id))
        elif not idle_ms or now_ms - group.pending[id].delivered_ms >= idle_ms:
            group.consumers[args[2]] = now_ms
            claim.give(group.pending[id], args[2])
            claimed.append(written(id) if claim.ids_only else entry_of(stream, id))
    return [written(waiting[at] if at < len(waiting) else ZERO), claimed, gone]


@command("XPENDING", 2, None)
def xpending(space: Keyspace, args: Args) -> Any:
    """Return a summary of all pending entries, or details of some."""
    _, group = group_of(space, args[0], args[1])
    if len(args) > 2:
        return _some(space, group, Options(args[2:]))
    if not group.pending:
        return [0, None, None, None]
    held = [pending.consumer for pending in group.pending.values()]
    counts = [[name, b"%d" % held.count(name)] for name in sorted(group.consumers) if name in held]
    return [len(held), written(min(group.pending)), written(max(group.pending)), counts]


def _some(space: Keyspace, group: Group, options: Options) -> Any:
    idle_ms, now_ms, pending = 0, space.now_ms(), group.pending
    if options.peek().upper() == b"IDLE":
        options.word()
        idle_ms = options.number()
    low, high, count = low_of(options.value()), high_of(options.value()), options.number()
    consumer = options.value() if options else None
    ids = group.pending_between(low, high)
    found = [
        [written(id), pending[id].consumer, max(0, now_ms - pending[id].delivered_ms), pending[id].deliveries]
        for id in ids
        if (consumer is None or pending[id].consumer == consumer) and now_ms - pending[id].delivered_ms >= idle_ms
    ]
    return found[: max(0, count)]
