"""Commands: the table of commands by name. Each is a function of the keyspace and its arguments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reply import Failure

Run = Callable[[Keyspace, Sequence[bytes]], Any]

SYNTAX = "ERR syntax error"
NOT_INTEGER = "ERR value is not an integer or out of range"


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its `least` and `most` number of arguments, without the name. `grows`: whether it is refused when
    memory is full."""

    name: str
    run: Run
    least: int
    most: int | None
    writes: bool
    grows: bool
    in_scripts: bool

    def check(self, args: Sequence[bytes]) -> None:
        """Raise Failure for a wrong number of arguments."""
        if len(args) < self.least or (self.most is not None and len(args) > self.most):
            name = self.name.lower().replace(" ", "|")
            raise Failure(f"ERR wrong number of arguments for '{name}' command")


COMMANDS: dict[bytes, Command] = {}


def command(
    name: str, least: int, most: int | None, *, writes: bool = False, grows: bool = False, in_scripts: bool = True
) -> Callable[[Run], Run]:
    """Add a function to the table."""

    def put(run: Run) -> Run:
        COMMANDS[name.encode()] = Command(name, run, least, most, writes or grows, grows, in_scripts)
        return run

    return put


def integer(text: bytes, failure: str = NOT_INTEGER) -> int:
    """Return an argument as a number of 64 bits. Raises Failure."""
    try:
        number = int(text)
    except ValueError:
        number = 2**63
    if not -(2**63) <= number < 2**63 or text.strip() != text or b"_" in text or text[:1] == b"+":
        raise Failure(failure)
    return number


class Options:
    """The options of a command, taken from the front of its arguments."""

    def __init__(self, args: Sequence[bytes]) -> None:
        self._args = args
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._args)

    def word(self) -> bytes:
        """Take the next one in upper case. Raises Failure if there is none."""
        return self.value().upper()

    def value(self) -> bytes:
        """Take the next one. Raises Failure if there is none."""
        if self._at >= len(self._args):
            raise Failure(SYNTAX)
        self._at += 1
        return self._args[self._at - 1]

    def number(self) -> int:
        """Take the next one as a number. Raises Failure if it is none."""
        return integer(self.value())

    def peek(self) -> bytes:
        """Return the next one without taking it, or an empty value."""
        return self._args[self._at] if self else b""

    def rest(self) -> Sequence[bytes]:
        """Take all that are left."""
        rest, self._at = self._args[self._at :], len(self._args)
        return rest
