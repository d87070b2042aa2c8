"""The scripts of the queue: random uses of them leave the same state in the model as in a real server."""

import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from holdfast.shared import queue
from holdfast.shared.connections.script import text_of
from tests.contracts.redis_wire import Wire, modelled
from tests.models.redis_server import RedisModel

_LUA = Path(queue.__file__).parent / "lua"
_NAMES = (
    "accept", "settle", "replay", "recall", "remember", "reservations", "charge", "orphans", "present", "take_over",
)  # fmt: skip
_STREAM, _CLOCK, _DEAD, _LEDGER, _SENT, _PREFIX, _GROUP = "{h}:w", "{h}:c", "{h}:d", "{h}:l", "{h}:s", "{h}:", "g"
_DRAWS, _USES = 12, 60
_ACCEPT = text_of(_LUA / "accept.lua")

Call = tuple[str, list[str], list[str]]


class _Uses:
    """Random calls of the scripts from one seed. Versions begin at the floor, which is the same for both servers."""

    def __init__(self, seed: int, floor: int) -> None:
        self._chance = Random(seed)
        self._floor = str(floor)
        self._ids = [f"{(floor + n) // 1000}-{(floor + n) % 1000}" for n in range(1, 30)]

    def call(self) -> Call:
        """Return the next call."""
        return self._chance.choice([self._accept, self._accept, self._accept, self._settle, self._settle, self._replay,
                                    self._recall, self._other, self._other])()  # fmt: skip

    def _key(self) -> str:
        return f"{self._chance.randrange(3) + 1:x}" * 64

    def _operation(self) -> str:
        """Return an operation id of the form that is derived from a key."""
        return f"00000000-0000-8000-a000-{self._chance.randrange(12):012}"

    def _one(self, kind: str, most: int) -> str:
        return f"{kind}{self._chance.randrange(most)}"

    def _claims(self) -> list[str]:
        claims = [["emails", self._one("k", 4)] for _ in range(self._chance.randrange(3))]
        return [str(len(claims)), *(part for claim in claims for part in claim)]

    def _accept(self) -> Call:
        args = [_PREFIX, self._floor, "1", "900", "3"]
        for _ in range(self._chance.randint(1, 3)):
            entity, key = self._one("e", 4), self._chance.choice(["", self._key()])
            args += [
                self._operation(), "users", entity, f"user:{entity}", "Create", "{}", key, self._one("body", 2),
                self._chance.choice(["", "60000"]), "", "r1", "", self._chance.choice(["", "n"]), "", "", "b1",
                *self._claims(),
            ]  # fmt: skip
        return "accept", [_STREAM, _CLOCK], args

    def _settle(self) -> Call:
        args = [_PREFIX, _GROUP]
        for _ in range(self._chance.randint(1, 2)):
            entity = self._one("e", 4)
            args += [self._chance.choice(self._ids), self._chance.choice(["done", "copy"]), self._operation(), entity]
            args += [f"user:{entity}", self._chance.choice(["", self._key()]), *self._claims()]
            args += [self._chance.choice(["", "n"]), "{}"]
        return "settle", [_STREAM, _DEAD, _LEDGER], args

    def _replay(self) -> Call:
        entity = self._one("e", 4)
        what = [self._one("letter", 3), self._operation(), "users", entity, f"user:{entity}", "Create"]
        fields = ["schema", "2", "x", "1"]
        args = [_PREFIX, "1", *what, self._floor, "{}", *self._claims(), *self._claims(), str(len(fields)), *fields]
        return "replay", [_STREAM, _CLOCK, _LEDGER, _SENT], args

    def _recall(self) -> Call:
        entity, how = self._one("e", 4), self._chance.choice(["lost", "lost", "recalled"])
        what = [self._one("letter", 3), self._chance.choice(self._ids), self._operation(), entity, f"user:{entity}"]
        return "recall", [_STREAM, _SENT], [_PREFIX, _GROUP, how, *what, *self._claims(), *self._claims()]

    def _other(self) -> Call:
        holder = f"{self._one('e', 4)} {self._one('op', 12)}"
        act, entry = self._chance.choice(["release", "reserve"]), self._chance.choice(self._ids)
        remembered = [self._key(), "body0", self._operation(), self._one("e", 4), self._floor]
        return self._chance.choice([
            ("remember", [f"{_PREFIX}key:"], [_PREFIX, "900", *remembered]),
            ("reservations", [_STREAM], [_PREFIX, act, holder, *self._claims()]),
            ("charge", [_STREAM, f"{_PREFIX}attempts:{entry}", f"{_PREFIX}attempts:taken_over",
             f"{_PREFIX}op:{self._one('op', 12)}"], [entry, "{}", "it failed"]),
            ("orphans", [_STREAM], [_GROUP, "reclaim", "5000", "0-0", "3"]),
            ("present", [_STREAM], self._chance.sample(self._ids, 4)),
            ("take_over", [_STREAM, f"{_PREFIX}attempts:taken_over"],
             [_GROUP, "reclaim", "0", *self._chance.sample(self._ids, 4)]),
            ("XREADGROUP", [], ["GROUP", _GROUP, "c", "COUNT", "2", "STREAMS", _STREAM, ">"]),
            ("XGROUP", [], ["DELCONSUMER", _STREAM, _GROUP, "c"]),
        ])  # fmt: skip


def _command(call: Call) -> list[str]:
    name, keys, args = call
    return ["EVAL", text_of(_LUA / f"{name}.lua"), str(len(keys)), *keys, *args] if name in _NAMES else [name, *args]


def _contents(ask: Any) -> dict[str, Any]:
    """Return all keys and values, except times."""
    found = {}
    for key in sorted(ask(["KEYS", "*"])):
        name = key.decode()
        kind = ask(["TYPE", name])
        read = {b"hash": ["HGETALL", name], b"stream": ["XRANGE", name, "-", "+"], b"list": ["LRANGE", name, "0", "-1"]}
        value = ask(read.get(kind, ["GET", name]))
        found[name] = sorted(zip(value[::2], value[1::2], strict=True)) if kind == b"hash" else value
    for record in found.values():
        if isinstance(record, list):
            record[:] = [each for each in record if each[0] != b"busy_until"]
    return found


def test_own_scripts(wire: Wire) -> None:
    """Random calls of the scripts have the same replies on the model as on a real server, and leave the same keys and
    values."""
    answers: set[bytes] = set()
    for seed in range(_DRAWS):
        floor = round(time.time() + 36_000) * 1_000_000
        uses, model = _Uses(seed, floor), RedisModel(time.time)
        start = [["FLUSHALL"], ["XGROUP", "CREATE", _STREAM, _GROUP, "0", "MKSTREAM"]]
        commands = [*start, *(_command(uses.call()) for _ in range(_USES))]
        for at, (command, real) in enumerate(zip(commands, wire.many(commands), strict=True)):
            assert modelled(model, command) == real, f"seed {seed}, use {at}: {command[2:]}"
            if command[1:2] == [_ACCEPT]:
                answers.update(each[0] for each in real)
        real_contents = _contents(lambda command: wire.many([command])[0])
        assert _contents(partial(modelled, model)) == real_contents, f"seed {seed}"
    assert answers == {b"accepted", b"repeated", b"reused", b"busy", b"backlog", b"taken"}
