"""Field type: what every kind of field says of itself: what it may hold, how input is cleaned and how it is stored.

A value has one form everywhere: on the wire, in a command, in a row and in an answer. It is what JSON has for it, and
what cleaning makes of it: cleaning a clean value changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Column(NamedTuple):
    """How a value is stored. `size`: most characters of a text."""

    kind: Literal["text", "integer", "boolean"]
    size: int = 0


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
        """The value that a person meant by what they sent. Raises ValueError."""

    @abstractmethod
    def unlikely(self, seed: str) -> Any:
        """A valid value made from hexadecimal digits, as short as they are if it can be: for writes that test the
        database. Of many digits it is one that hardly anything has."""

    @property
    def python(self) -> type:
        """The type of a value in Python."""
        return str


#: A value as the key under which it is unique.
Key = Callable[[Any], str]
