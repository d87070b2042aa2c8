"""Keyspace: the data of one server. Values are bytes (a string), dict (a hash), list, and Stream."""

from collections.abc import Callable
from typing import Any, TypeVar

from tests.models.redis.reply import Failure
from tests.models.redis.stream import Stream

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"

T = TypeVar("T")


class Keyspace:
    """The data, by the server's own clock. `changed`: collects the keys that a blocked reader may wait for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values: dict[bytes, Any] = {}
        self._expires_ms: dict[bytes, int] = {}
        self.changed: list[bytes] = []
        #: The id of the server process, which changes with each start, and when a replica has taken its place.
        self.process = 1

    def now_us(self) -> int:
        """Return microseconds since the epoch."""
        return round(self._clock() * 1_000_000)

    def now_ms(self) -> int:
        """Return milliseconds since the epoch."""
        return self.now_us() // 1000

    def get(self, key: bytes, kind: type[T]) -> T | None:
        """Return the value, or None. Raises Failure if it is of another kind."""
        value = self._values.get(key)
        if value is None or (key in self._expires_ms and self._expired(key)):
            return None
        if type(value) is not kind:
            raise Failure(WRONG_TYPE)
        return value

    def make(self, key: bytes, kind: type[T]) -> T:
        """Return the value, which is made empty if there was none."""
        value = self.get(key, kind)
        if value is None:
            value = self._values[key] = kind()
        return value

    def set(self, key: bytes, value: Any) -> None:
        """Replace a value and its expiry."""
        self._expires_ms.pop(key, None)
        if type(self._values.get(key)) is Stream:
            self.changed.append(key)
        self._values[key] = value

    def replace(self, key: bytes, value: Any) -> None:
        """Replace a value, and keep the expiry."""
        self._values[key] = value

    def drop_if_empty(self, key: bytes, value: Any) -> None:
        """Delete a hash or list without elements, which does not exist in Redis."""
        if not value:
            self.delete(key)

    def exists(self, key: bytes) -> bool:
        """Return whether there is a value of any kind."""
        return key in self._values and not (key in self._expires_ms and self._expired(key))

    def kind(self, key: bytes) -> type | None:
        """Return the kind of the value."""
        return type(self._values[key]) if self.exists(key) else None

    def delete(self, key: bytes) -> bool:
        """Delete a key, and return whether it existed."""
        if not self.exists(key):
            return False
        del self._values[key]
        self._expires_ms.pop(key, None)
        self.changed.append(key)
        return True

    def rename(self, key: bytes, to: bytes) -> None:
        """Rename a key. Raises Failure if there is none."""
        if not self.exists(key):
            raise Failure("ERR no such key")
        value, expires = self._values.pop(key), self._expires_ms.pop(key, None)
        self.set(to, value)
        if expires is not None:
            self._expires_ms[to] = expires
        self.changed += (key, to)

    def names(self) -> list[bytes]:
        """Return the names of all keys."""
        return [key for key in list(self._values) if self.exists(key)]

    def clear(self) -> None:
        """Delete everything."""
        self.changed += self._values
        self._values.clear()
        self._expires_ms.clear()

    def expires_ms(self, key: bytes) -> int | None:
        """Return the expiry of a key, in milliseconds since the epoch."""
        return self._expires_ms.get(key)

    def expire(self, key: bytes, at_ms: int | None) -> None:
        """Set the expiry of an existing key; None for never."""
        if at_ms is None:
            self._expires_ms.pop(key, None)
        elif at_ms <= self.now_ms():
            self.delete(key)
        else:
            self._expires_ms[key] = at_ms

    def contents(self) -> tuple[dict[bytes, Any], dict[bytes, int]]:
        """Return all data, to be copied."""
        return self._values, self._expires_ms

    def restore(self, contents: tuple[dict[bytes, Any], dict[bytes, int]]) -> None:
        """Replace all data."""
        self.changed += self._values
        self._values, self._expires_ms = contents
        self.changed += self._values

    def _expired(self, key: bytes) -> bool:
        if self._expires_ms[key] > self.now_ms():
            return False
        del self._values[key], self._expires_ms[key]
        return True


KINDS: dict[type, bytes] = {bytes: b"string", dict: b"hash", list: b"list", Stream: b"stream"}
