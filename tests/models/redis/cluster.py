"""Cluster: several servers that share the slots of keys, and slots that move from one to another.

Without replicas, and without failures of its own: each server has its faults. While a slot moves, some of its keys are
on the server that it leaves and the others on the one that it comes to. A command is carried out where all of its keys
are, or refused as a server of a cluster refuses it, before anything is done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.models.redis.reply import Failure
from tests.models.redis.server import RedisModel

_KEYLESS = frozenset((
    b"PING", b"TIME", b"INFO", b"WAIT", b"PUBLISH", b"SCRIPT", b"CLIENT", b"HELLO", b"AUTH", b"SELECT", b"SUBSCRIBE",
    b"UNSUBSCRIBE", b"KEYS", b"SCAN", b"DBSIZE", b"FLUSHALL", b"FLUSHDB", b"MULTI", b"EXEC", b"DISCARD",
))  # fmt: skip
_SCRIPTS = frozenset((b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO"))
_OF_MANY = frozenset((b"DEL", b"UNLINK", b"EXISTS", b"MGET", b"RENAME"))
_READS, _PARENTS = frozenset((b"XREAD", b"XREADGROUP")), frozenset((b"XGROUP", b"XINFO"))
_TRY_AGAIN = "TRYAGAIN Multiple keys request during rehashing of slot"


def keys_of(parts: Sequence[bytes]) -> Sequence[bytes]:
    """Return the keys that a command names."""
    name, args = parts[0].upper(), parts[1:]
    if name in _KEYLESS:
        return ()
    if name in _SCRIPTS:
        return args[2 : 2 + int(args[1])]
    if name in _OF_MANY:
        return args
    if name in _READS:
        streams = args[1 + [word.upper() for word in args].index(b"STREAMS") :]
        return streams[: len(streams) // 2]
    return args[1:2] if name in _PARENTS else args[:1]


class Cluster:
    """A cluster. `servers`: the address of each, (host, port). The first has the first slots, and so on."""

    def __init__(self, servers: Mapping[tuple[str, int], RedisModel]) -> None:
        self._places = {server: place for place, server in servers.items()}
        self.servers = tuple(servers.values())
        count, slots = len(self.servers), REDIS_CLUSTER_HASH_SLOTS
        self._first = [number * slots // count for number in range(count + 1)]
        #: What each server knows about moved slots: slot -> the epoch of the move, and the owner since then.
        self._known: dict[RedisModel, dict[int, tuple[int, RedisModel]]] = {server: {} for server in self.servers}
        self._epochs = dict.fromkeys(self.servers, 1)
        self._moves: dict[int, tuple[RedisModel, RedisModel]] = {}
        #: Number of refusals, by their first word.
        self.refused: Counter[str] = Counter()
        for number, server in enumerate(self.servers):
            server.cluster = self
            server.space.process = 1 + 1000 * number

    def owner(self, slot: int, known_to: RedisModel | None = None) -> RedisModel:
        """Return the owner of a slot as the server `known_to` knows it, or the actual owner if that is None."""
        known = self._known[known_to] if known_to else self._newest()
        at = next(number for number in range(len(self.servers)) if slot < self._first[number + 1])
        _, owner = known.get(slot, (0, self.servers[at]))
        return owner

    def _newest(self) -> dict[int, tuple[int, RedisModel]]:
        """Return the latest move of each slot, from what all servers know together."""
        newest: dict[int, tuple[int, RedisModel]] = {}
        for known in self._known.values():
            for slot, moved in known.items():
                newest[slot] = max(newest.get(slot, moved), moved, key=itemgetter(0))
        return newest

    def check(self, server: RedisModel, commands: Iterable[Sequence[bytes]], *, asking: bool) -> None:
        """Raise the refusal of a command, or of a transaction, that this server cannot execute."""
        try:
            self._check(server, commands, asking=asking)
        except Failure as refusal:
            self.refused[refusal.text.partition(" ")[0]] += 1
            raise

    def _check(self, server: RedisModel, commands: Iterable[Sequence[bytes]], *, asking: bool) -> None:
        keys = [key for parts in commands for key in keys_of(parts)]
        if not keys:
            return
        slot = key_slot(keys[0])
        if any(key_slot(key) != slot for key in keys):
            raise Failure("CROSSSLOT Keys in request don't hash to the same slot")
        owner, (source, target) = self.owner(slot, server), self._moves.get(slot, (None, None))
        there = sum(server.space.exists(key) for key in keys)
        missing = there < len(keys)
        if server is source and missing:
            raise Failure(_TRY_AGAIN if there else f"ASK {slot} {self._at(target)}")
        if server is target and asking:
            if missing and len(keys) > 1:
                raise Failure(_TRY_AGAIN)
        elif owner is not server:
            raise Failure(f"MOVED {slot} {self._at(owner)}")

    def answer(self, server: RedisModel, args: Sequence[bytes]) -> Any:
        """Answer CLUSTER, as far as clients use it."""
        match args[0].upper() if args else b"":
            case b"INFO":
                return b"cluster_state:ok\r\ncluster_current_epoch:%d\r\n" % self._epochs[server]
            case b"SLOTS":
                return [[first, last, self._described(owner)] for first, last, owner in self._ranges(server)]
        raise Failure("ERR unknown subcommand")

    # --- a slot that moves ---

    def begin_move(self, slot: int, target: RedisModel) -> None:
        """Begin a move: from now on keys of the slot may move, and new ones are made at the target."""
        self._moves[slot] = self.owner(slot), target

    def left(self, slot: int) -> list[bytes]:
        """Return the keys of the slot that have not moved."""
        source, _ = self._moves[slot]
        return [key for key in source.space.names() if key_slot(key) == slot]

    def move(self, keys: Iterable[bytes]) -> None:
        """Move keys one after the other, with their expiry."""
        for key in keys:
            source, target = self._moves[key_slot(key)]
            values, _ = source.space.contents()
            value, expires_ms = values[key], source.space.expires_ms(key)
            source.space.delete(key)
            target.space.set(key, value)
            target.space.expire(key, expires_ms)
            for server in (source, target):
                server.serve()

    def end_move(self, slot: int) -> None:
        """End a move, with all keys. Source and target know the new owner at once, the others when they `hear`. A
        server may know of a move and not of an earlier one."""
        self.move(self.left(slot))
        source, target = self._moves.pop(slot)
        epoch = max(self._epochs.values()) + 1
        for server in (source, target):
            self._known[server][slot] = epoch, target
            self._epochs[server] = epoch

    def hear(self) -> None:
        """Let all servers know what any of them knows."""
        newest, epoch = self._newest(), max(self._epochs.values())
        for server in self.servers:
            self._known[server], self._epochs[server] = dict(newest), epoch

    # --- past every client ---

    def run(self, parts: Sequence[bytes]) -> Any:
        """Return the reply of the server that has the command's first key, or for KEYS the reply of all. Raises
        Failure."""
        keys = keys_of(parts)
        if parts[0].upper() == b"KEYS":
            return [key for server in self.servers for key in server.run(parts)]
        server = self.servers[0]
        if keys:
            slot = key_slot(keys[0])
            source, target = self._moves.get(slot, (self.owner(slot),) * 2)
            server = source if source.space.exists(keys[0]) else target
        reply = server.run(parts)
        server.serve()
        return reply

    def _ranges(self, server: RedisModel) -> Iterable[tuple[int, int, RedisModel]]:
        moved = self._known[server]
        for number, owner in enumerate(self.servers):
            first, end = self._first[number], self._first[number + 1]
            for slot in sorted(slot for slot in moved if first <= slot < end):
                if first < slot:
                    yield first, slot - 1, owner
                yield slot, slot, self.owner(slot, server)
                first = slot + 1
            if first < end:
                yield first, end - 1, owner

    def _described(self, server: RedisModel) -> list[Any]:
        host, port = self._places[server]
        return [host.encode(), port, b"%040x" % server.space.process]

    def _at(self, server: RedisModel | None) -> str:
        assert server is not None
        return "{}:{}".format(*self._places[server])
