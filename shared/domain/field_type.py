"""Field type: what every kind of field says of itself: what it may hold, how input is cleaned and how it is stored.

A value has one form everywhere: on the wire, in a command, in a row and in an answer. It is what JSON has for it, and
what cleaning makes of it: cleaning a clean value changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

#: Whole numbers are exact in JSON and JavaScript below this.
EXACT_BELOW = 2**53


_PYTHON: dict[str, type] = {"text": str, "integer": int, "boolean": bool}


class Column(NamedTuple):
    """How a value is stored. `size`: most characters of a text."""

    kind: Literal["text", "integer", "boolean"]
    size: int = 0

    @property
    def python(self) -> type:
        """The type of the values that it holds."""
        return _PYTHON[self.kind]

    def check(self, value: Any) -> None:
        """Raises ValueError if it cannot hold the value."""
        fits = type(value) is _PYTHON[self.kind]
        if not fits:
            raise ValueError(f"is of {type(value).__name__}, and stored as {self.kind}")
        if self.kind == "text":
            if len(value) > self.size:
                raise ValueError(f"has more than {self.size} characters")
            if not value.isascii():
                value.encode()
        elif not -EXACT_BELOW < value < EXACT_BELOW:
            raise ValueError("is not exact in JSON")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldType(ABC):
    """What a field may hold.

    `code` and `message` are those of the error about a value that may not be; by default they name the field:
    `INVALID_NAME`, "Name is invalid".
    """

    code: str = ""
    message: str = ""

    @property
    @abstractmethod
    def constraint(self) -> str:
        """What a value must be, as an error's `details.constraint` says it."""

    @property
    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""

    @property
    @abstractmethod
    def column(self) -> Column:
        """How it is stored."""

    @property
    @abstractmethod
    def empty(self) -> Any:
        """What a required field holds where there is no value: in a tombstone, and in a shadow."""

    @abstractmethod
    def clean(self, value: Any) -> Any:
        """The value that a person meant by what they sent. Raises ValueError; whatever else it raises is taken for
        one."""

    @abstractmethod
    def unlikely(self, seed: str) -> Any:
        """A valid value made from hexadecimal digits, as short as they are if it can be: for writes that test the
        database. Of many digits it is one that hardly anything has."""

    @property
    def python(self) -> type:
        """The type of a value in Python: str, int or bool, as the column's kind is."""
        return self.column.python


#: A value as the key under which it is unique.
Key = Callable[[Any], str]
