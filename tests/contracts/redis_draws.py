"""Random commands for Redis on few names, so that they interact; and the removal of those parts of a reply in which
servers may differ."""

import random
from typing import Any

Words = list[str]


class Draw:
    """Draws commands from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds = [
            *[self._add] * 4, self._range, self._range, self._edit, self._edit, self._group, self._group,
            *[self._read] * 3, self._claim, self._claim, self._look, self._look, self._look, self._key, self._hash,
            self._hash, self._list, self._string,
        ]  # fmt: skip

    def command(self) -> Words:
        """Return the next command."""
        return self._one(self._kinds)()

    def _one(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def _number(self, low: int, high: int) -> str:
        return str(self._random.randint(low, high))

    def _stream(self) -> str:
        return self._one("abc")

    def _id(self) -> str:
        return f"{self._number(1, 9)}-{self._number(0, 3)}"

    def _end(self) -> str:
        return self._one([self._id(), self._number(1, 9), "0", "-", "+", f"({self._id()}", f"({self._number(1, 9)}"])

    def _options(self, *choices: str) -> Words:
        return self._one([[], [], *(choice.split() for choice in choices)])

    def _add(self) -> Words:
        id = self._one([f"{self._number(1, 30)}-*", f"{self._number(1, 30)}-*", self._id(), self._number(1, 20)])
        trim = self._options("MAXLEN 3", "MAXLEN ~ 3", "NOMKSTREAM", "MAXLEN = 2")
        return ["XADD", self._stream(), *trim, id, self._one("xy"), "1"]

    def _range(self) -> Words:
        count = self._options(f"COUNT {self._number(-1, 3)}")
        return [self._one(["XRANGE", "XREVRANGE"]), self._stream(), self._end(), self._end(), *count]

    def _edit(self) -> Words:
        more = f"ENTRIESADDED {self._number(0, 30)} MAXDELETEDID {self._number(1, 3)}-0"
        return self._one(
            [
                ["XDEL", self._stream(), self._id(), self._id()],
                ["XDEL", self._stream(), self._id()],
                ["XTRIM", self._stream(), "MAXLEN", self._number(0, 4)],
                ["XSETID", self._stream(), f"{self._number(10, 30)}-0", *self._options(more)],
            ]
        )

    def _group(self) -> Words:
        stream, group = self._stream(), self._one("gh")
        start, options = self._one(["0", "$", self._id()]), self._options("MKSTREAM", "ENTRIESREAD 2", "ENTRIESREAD -1")
        return self._one(
            [
                ["XGROUP", "CREATE", stream, group, start, *options],
                ["XGROUP", "CREATE", stream, group, "0", "MKSTREAM"],
                ["XGROUP", "CREATE", stream, group, "0", "MKSTREAM"],
                ["XGROUP", "SETID", stream, group, start],
                ["XGROUP", self._one(["DESTROY", "CREATECONSUMER"]), stream, group, "c1"][: self._one([4, 5])],
                ["XGROUP", "DELCONSUMER", stream, group, self._one(["c1", "c2"])],
            ]
        )

    def _read(self) -> Words:
        count, stream = self._options(f"COUNT {self._number(0, 3)}"), self._stream()
        start = self._one([">", ">", ">", "0", self._id()])
        return self._one(
            [
                ["XREADGROUP", "GROUP", self._one("gh"), self._one(["c1", "c2"]), *count, "STREAMS", stream, start],
                ["XREADGROUP", "GROUP", "g", "c1", "STREAMS", stream, ">"],
                ["XREAD", "COUNT", "2", "STREAMS", "a", "b", self._id(), self._id()],
            ]
        )

    def _claim(self) -> Words:
        who = [self._stream(), self._one("gh"), self._one(["c1", "c2"]), self._one(["0", "0", "100000"])]
        how = self._options("FORCE", "JUSTID", "IDLE 5 RETRYCOUNT 3 FORCE JUSTID", "RETRYCOUNT 0", "LASTID 9-9")
        start = self._one(["0-0", "-", self._id(), f"({self._id()}"])
        return self._one(
            [
                ["XCLAIM", *who, self._id(), self._id(), *how],
                ["XAUTOCLAIM", *who, start, *self._options(f"COUNT {self._number(1, 2)}", "JUSTID")],
                ["XACK", who[0], who[1], self._id(), self._id()],
            ]
        )

    def _look(self) -> Words:
        stream, group = self._stream(), self._one("gh")
        idle, consumer = self._options("IDLE 0", "IDLE 100000"), self._options("c1")
        return self._one([
            ["XINFO", "STREAM", stream], ["XINFO", "GROUPS", stream], ["XINFO", "CONSUMERS", stream, group],
            ["XLEN", stream], ["XPENDING", stream, group],
            ["XPENDING", stream, group, *idle, self._end(), self._end(), self._number(0, 3), *consumer],
        ])  # fmt: skip

    def _key(self) -> Words:
        key = self._one("abchls")
        return self._one([
            ["DEL", key] if self._number(0, 9) == "0" else ["EXISTS", key, key], ["TYPE", key],
            ["SCAN", "0"], ["DBSIZE"],
            ["RENAME", key, self._one("abc")] if self._number(0, 9) == "0" else ["TTL", key], ["PERSIST", key],
            ["EXPIRE", key, self._one(["100", "900"]), *self._options("NX", "XX")], ["nonsense", "x"], ["GET"],
        ])  # fmt: skip

    def _hash(self) -> Words:
        key, name = self._one("hhha"), self._one("xyz")
        return self._one([
            ["HSET", key, name, self._number(0, 9), "z", "2"], ["HSET", key, name], ["HSETNX", key, name, "9"],
            ["HGET", key, name], ["HMGET", key, name, "x"], ["HGETALL", key], ["HLEN", key], ["HDEL", key, name, "y"],
            ["HINCRBY", key, name, self._one(["1", "-3", "x"])], ["HSET", key, name, "word"],
        ])  # fmt: skip

    def _list(self) -> Words:
        ends = [self._number(-4, 4), self._number(-4, 4)]
        return self._one([
            ["RPUSH", "l", "x", "y"], ["LPUSH", "l", "1", "2"], ["LRANGE", "l", *ends], ["LTRIM", "l", *ends],
            ["LPOP", "l"], ["LLEN", "l"], ["RPOP", "l"], ["LLEN", "h"],
        ])  # fmt: skip

    def _bits(self) -> Words:
        kind, at = self._one(["u1", "u3", "u32"]), self._number(0, 99)
        return self._one([["GET", kind, at], ["SET", kind, at, self._number(0, 1)]])

    def _string(self) -> Words:
        how = self._options("NX", "XX", "PX 900000", "EX 0", "GET", "KEEPTTL", "NX PX 900000", "BAD")
        return self._one([
            ["SET", "s", self._number(0, 9), *how], ["GET", self._one("sh")], ["MGET", "s", "h"],
            ["INCR", self._one("ns")],
            ["SETRANGE", self._one("sbh"), self._number(0, 9), self._one(["", "\0", "xyz"])],
            ["BITFIELD", self._one("sbh"), *self._bits(), *self._bits()], ["BITFIELD", "s", *self._bits(), "GET", "u1"],
        ])  # fmt: skip


def comparable(command: Words, reply: Any) -> Any:
    """Return the reply without idle times, without the order of maps, and without the description of the server's own
    trees."""
    if not isinstance(reply, list):
        return reply
    match command[:2]:
        case ["XPENDING", *_] if reply and isinstance(reply[0], list):
            return [[*entry[:2], entry[3]] for entry in reply]
        case ["XINFO", "STREAM"]:
            return [*reply[:2], *reply[6:]]
        case ["XINFO", "CONSUMERS"]:
            return [consumer[:4] for consumer in reply]
        case ["SCAN", _]:
            return [reply[0], sorted(reply[1])]
        case ["HGETALL", _]:
            return sorted(zip(reply[::2], reply[1::2], strict=True))
    return reply
