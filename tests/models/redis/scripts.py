"""Scripts: one Lua 5.1, as Redis has it, for all servers of the process. A script is compiled once. Scripts leave
nothing behind in it: globals cannot be made, and nothing is kept between calls."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from lupa import lua51

from tests.models.redis.reply import Failure, Flat, Pairs, Simple

Call = Callable[[Sequence[bytes]], Any]

_SHEBANG = re.compile(rb"#!lua(?: ([^\n]*))?(?=\n|$)")
_TEXT_ERROR = re.compile(r"user_script:(\d+):")


class Script:
    """A compiled script. `flags`: None if it has no shebang."""

    def __init__(self, text: bytes) -> None:
        self.sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        head = _SHEBANG.match(text)
        self.flags: frozenset[str] | None = None
        if head:
            self.flags = _flags(head[1] or b"")
            text = text[head.end() :]
        elif text.startswith(b"#!"):
            raise Failure("ERR Unexpected engine in script shebang: " + text[2:].split(None, 1)[0].decode())
        self._run = _compiled(text)

    def __call__(self, call: Call, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        """Run the script, and return its reply. Raises Failure."""
        _host.call = call
        fine, reply = _start(self._run, _lua.table_from(keys), _lua.table_from(args))
        if fine:
            return _reply(reply)
        text, line = _error(reply)
        raise Failure(f"{text} script: {self.sha.decode()}, on @user_script:{line}.")


@cache
def script_of(text: bytes) -> Script:
    """Return the script with this text, which is compiled once. Raises Failure."""
    return Script(text)


def _flags(text: bytes) -> frozenset[str]:
    flags: set[str] = set()
    for part in text.decode().split():
        name, _, value = part.partition("=")
        if name != "flags":
            raise Failure(f"ERR Unknown lua shebang option: {part}")
        flags.update(filter(None, value.split(",")))
    for flag in sorted(flags - {"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"}):
        raise Failure(f"ERR Unexpected flag in script shebang: {flag}")
    return frozenset(flags)


class _Host:
    """The functions that Lua calls. Each returns to Lua (whether it failed, a value)."""

    call: Call

    def redis(self, *args: Any) -> tuple[bool, Any]:
        try:
            return False, _value(self.call([each if type(each) is bytes else _argument(each) for each in args]))
        except Failure as failure:
            return True, failure.text.encode("utf-8", "surrogateescape")

    def decode(self, text: Any) -> tuple[bool, Any]:
        try:
            return False, _from_json(orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            return True, b"Expected value but found invalid token at character 1"

    def encode(self, value: Any) -> tuple[bool, Any]:
        return False, orjson.dumps(_to_json(value))

    def sha1(self, text: bytes) -> tuple[bool, Any]:
        return False, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def _argument(value: Any) -> bytes:
    kind = type(value)
    if kind is bytes:
        return value
    if kind is int:
        return b"%d" % value
    if kind is float:
        return b"%.17g" % value
    raise Failure("ERR Lua redis lib command arguments must be strings or integers")


def _value(reply: Any) -> Any:
    """Convert a reply to what a script gets."""
    kind = type(reply)
    if kind is bytes or kind is int:
        return reply
    if reply is None:
        return False
    if kind is Simple:
        return _lua.table_from({b"ok": reply.encode()})
    assert kind in (list, Flat, Pairs), reply
    return _lua.table_from([each if type(each) is bytes else _value(each) for each in reply])


def _from_json(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return _lua.table_from([_from_json(each) for each in value])
    if isinstance(value, dict):
        return _lua.table_from({name.encode(): _from_json(each) for name, each in value.items()})
    return _host if value is None else value  # any userdata can stand for cjson.null


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if lua51.lua_type(value) == "table":
        items = list(value.items())
        if [name for name, _ in items] == list(range(1, len(items) + 1)) and items:
            return [_to_json(each) for _, each in items]
        return {_to_json(name): _to_json(each) for name, each in items}
    return value


def _reply(value: Any) -> Any:
    """Convert what a script returns to a reply."""
    kind = type(value)
    if kind is bytes or kind is int:
        return value
    if value is None or kind is bool:
        return 1 if value else None
    if kind is float:
        return int(value)
    if lua51.lua_type(value) != "table":
        return None
    if (text := value[b"err"]) is not None:
        return Failure(text.decode("utf-8", "surrogateescape"))
    if (text := value[b"ok"]) is not None:
        return Simple(text.decode())
    items: list[Any] = []
    while (item := value[len(items) + 1]) is not None:
        items.append(_reply(item))
    return items


def _error(value: Any) -> tuple[str, int]:
    """Return the text and the line of an error that ended a script."""
    if lua51.lua_type(value) == "table" and value[b"err"] is not None:
        return value[b"err"].decode("utf-8", "surrogateescape"), value[b"line"] or 0
    text = (value if isinstance(value, bytes) else str(value).encode()).decode("utf-8", "surrogateescape")
    found = _TEXT_ERROR.search(text)
    return f"ERR {text}", int(found[1]) if found else 0


_lua = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False)
_host = _Host()
_start, _compile = _lua.execute(Path(__file__).with_name("scripts.lua").read_bytes())(
    _host.redis, _host.decode, _host.encode, _host.sha1, _host
)
_by_text: dict[bytes, Any] = {}


def _compiled(text: bytes) -> Any:
    run = _by_text.get(text)
    if run is None:
        run, error = _compile(text)
        if run is None:
            raise Failure(f"ERR Error compiling script (new function): {error.decode()}")
        _by_text[text] = run
    return run
