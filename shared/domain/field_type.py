"""Field type: what every kind of field defines: which values it may hold, how input is cleaned and how it is stored.

A value has one form everywhere: on the wire, in a command, in a row and in an answer. It is a JSON value and the result
of cleaning, so cleaning it again changes nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

#: Whole numbers below this are exact in JSON and JavaScript.
EXACT_BELOW = 2**53


_PYTHON: dict[str, type] = {"text": str, "integer": int, "boolean": bool}


class Column(NamedTuple):
    """How a value is stored. `size`: the maximum number of characters of a text."""

    kind: Literal["text", "integer", "boolean"]
    size: int = 0

    @property
    def python(self) -> type:
        """The type of the values that the column holds."""
        return _PYTHON[self.kind]

    def check(self, value: Any) -> None:
        """Raise ValueError if the column cannot hold the value."""
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
    """The definition of what a field may hold.

    `code` and `message` are those of the error for an invalid value. By default they name the field: `INVALID_NAME`,
    "Name is invalid".
    """

    code: str = ""
    message: str = ""

    @property
    @abstractmethod
    def constraint(self) -> str:
        """What a value must be, as shown in an error's `details.constraint`."""

    @property
    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""

    @property
    @abstractmethod
    def column(self) -> Column:
        """The column that stores a value."""

    @abstractmethod
    def clean(self, value: Any) -> Any:
        """Return the value that a person meant by the input. Raises ValueError; any other error counts as one."""

    @abstractmethod
    def unlikely(self, seed: str) -> Any:
        """Return a valid value made from hexadecimal digits, for writes that test the database. It is as short as the
        digits if possible. From many digits it makes a value that hardly any entity has."""

    @property
    def python(self) -> type:
        """The Python type of a value: str, int or bool, as given by the column's kind."""
        return self.column.python

    @property
    def empty(self) -> Any:
        """The value of a required field where there is no value, in a tombstone and in a shadow: '', 0 or False."""
        return self.python()


#: Returns the key under which a value is unique.
Key = Callable[[Any], str]
