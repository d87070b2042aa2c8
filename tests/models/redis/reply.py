"""Replies, and their encoding in both versions of the protocol. bytes are a bulk string, int an integer, None a null, a
list an array."""

from typing import Any


class Simple(str):
    """A status, such as OK."""

    __slots__ = ()


class Failure(Exception):
    """An error reply. `line`: of the script in which it happened, if any."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.line = line


class Flat(list[Any]):
    """A map that version 2, and a script, get as a flat list of names and values."""


class Pairs(list[Any]):
    """A map that version 2 gets as a list of [name, value]."""


class Push(list[Any]):
    """A message of a subscription."""


OK = Simple("OK")


def encode(reply: Any, version: int) -> bytes:
    """Encode a reply as bytes of the protocol."""
    parts: list[bytes] = []
    _encode(reply, version, parts.append)
    return b"".join(parts)


def _encode(reply: Any, version: int, put: Any) -> None:
    kind = type(reply)
    if kind is bytes:
        put(b"$%d\r\n%b\r\n" % (len(reply), reply))
    elif kind is int:
        put(b":%d\r\n" % reply)
    elif kind is list:
        put(b"*%d\r\n" % len(reply))
        for each in reply:
            if type(each) is bytes:
                put(b"$%d\r\n%b\r\n" % (len(each), each))
            else:
                _encode(each, version, put)
    elif reply is None:
        put(b"_\r\n" if version == 3 else b"$-1\r\n")
    elif kind is Simple:
        put(b"+%b\r\n" % reply.encode())
    elif kind is Failure:
        put(b"-%b\r\n" % reply.text.replace("\r", " ").replace("\n", " ").encode("utf-8", "surrogateescape"))
    else:
        _encode_map(reply, version, put)


def _encode_map(reply: Any, version: int, put: Any) -> None:
    values = list(reply)
    if isinstance(reply, Pairs) and version == 3:
        values = [value for pair in reply for value in pair]
    if isinstance(reply, Push):
        put(b"%c%d\r\n" % (b">" if version == 3 else b"*", len(values)))
    else:
        assert isinstance(reply, Flat | Pairs), f"no reply: {reply!r}"
        put(b"%%%d\r\n" % (len(values) // 2) if version == 3 else b"*%d\r\n" % len(values))
    for each in values:
        _encode(each, version, put)
