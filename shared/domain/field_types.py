"""Field types: what a field may hold, how input is cleaned, how a value travels and how it is stored.

A value has one form everywhere: on the wire, in a command, in a row and in an answer. It is what JSON has for it.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from holdfast.shared.domain.characters import inkless, shows, turns


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
    def wire(self) -> Any:
        """The type of a value on the wire, for pydantic: strict about shape and size, silent about style."""

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
        """A valid value that hardly anything has, another one for each seed (32 hexadecimal digits): for writes that
        test the database."""

    @property
    def typed(self) -> Any:
        """The type of a value in a request, for pydantic: of the right JSON type, cleaned."""
        return Annotated[self._python, AfterValidator(self.clean), WithJsonSchema(self.json_schema)]

    @property
    def _python(self) -> type:
        return str


#: Control, surrogate, unassigned and private-use characters; line and paragraph separators.
_NOT_IN_A_LINE = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}
_LINE_BREAKS = str.maketrans("", "", "\n\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(FieldType):
    """Text that can be seen: trimmed, in Unicode's NFC, without control characters or marks of text direction.

    `lines`: line breaks and tabs are allowed, and what is around the text is kept.
    """

    max_chars: int
    min_chars: int = 1
    lines: bool = False

    @property
    def constraint(self) -> str:
        """For people."""
        return (
            f"must be {self.min_chars} to {self.max_chars} characters, at least one of them visible,"
            " without control characters or marks of text direction"
        )

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "string", "minLength": self.min_chars, "maxLength": self.max_chars}

    @property
    def wire(self) -> Any:
        """By length."""
        return Annotated[str, Field(min_length=self.min_chars, max_length=self.max_chars)]

    @property
    def column(self) -> Column:
        """As text."""
        return Column("text", self.max_chars)

    @property
    def empty(self) -> str:
        """No text."""
        return ""

    def unlikely(self, seed: str) -> str:
        """The seed, as often as it takes."""
        return (seed * (self.min_chars // len(seed) + 1))[: self.max_chars]

    def clean(self, value: str) -> str:
        """Raises ValueError."""
        text = value if self.lines else value.strip()
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
            text = text if self.lines else text.strip()
            if turns(text) or not shows(text):
                raise ValueError("cannot be seen, or turns the text around it")
        line = text.translate(_LINE_BREAKS) if self.lines else text
        plain = line.isprintable() or not any(unicodedata.category(char) in _NOT_IN_A_LINE for char in line)
        if not plain or not self.min_chars <= len(text) <= self.max_chars:
            raise ValueError("has characters that are not allowed, or too few or too many")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug(FieldType):
    """A name for use in addresses: lower-case ASCII letters and digits, in words joined by hyphens."""

    max_chars: int = 100

    @property
    def constraint(self) -> str:
        """For people."""
        return f"must be 1 to {self.max_chars} lower-case letters and digits, in words joined by hyphens"

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "string", "pattern": _SLUG.pattern, "maxLength": self.max_chars}

    @property
    def wire(self) -> Any:
        """By length."""
        return Annotated[str, Field(min_length=1, max_length=self.max_chars)]

    @property
    def column(self) -> Column:
        """As text."""
        return Column("text", self.max_chars)

    @property
    def empty(self) -> str:
        """No text."""
        return ""

    def unlikely(self, seed: str) -> str:
        """The seed."""
        return seed[: self.max_chars]

    def clean(self, value: str) -> str:
        """Raises ValueError."""
        slug = value.strip()
        if len(slug) > self.max_chars or not _SLUG.fullmatch(slug):
            raise ValueError("is not a slug")
        return slug


_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

EMAIL_MAX_CHARS = 254
#: Local parts that are valid and normal by any standard; everything else is the library's to judge.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*")
_LOCAL_MAX_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(FieldType):
    """An e-mail address, as `email-validator` normalises it."""

    code: str = "INVALID_EMAIL_FORMAT"
    message: str = "Email address format is invalid"

    @property
    def constraint(self) -> str:
        """For people."""
        return "must be valid email format"

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "string", "format": "email", "maxLength": EMAIL_MAX_CHARS}

    @property
    def wire(self) -> Any:
        """Anything around one @."""
        return Annotated[str, StringConstraints(min_length=3, max_length=EMAIL_MAX_CHARS, pattern=r"^[^@\s]+@[^@\s]+$")]

    @property
    def column(self) -> Column:
        """As text."""
        return Column("text", EMAIL_MAX_CHARS)

    @property
    def empty(self) -> str:
        """No text."""
        return ""

    def unlikely(self, seed: str) -> str:
        """Of a domain that cannot exist."""
        return f"{seed}@control.invalid"

    def clean(self, value: str) -> str:
        """Raises ValueError. Of a plain address only the domain is looked at."""
        local, _, host = value.strip().rpartition("@")
        try:
            if len(local) <= _LOCAL_MAX_CHARS and _PLAIN_LOCAL.fullmatch(local):
                email = f"{local}@{_clean_domain(host)}"
            else:
                email = validate_email(value.strip(), check_deliverability=False).normalized
        except EmailNotValidError:
            raise ValueError("is not an e-mail address") from None
        if len(email) > EMAIL_MAX_CHARS or inkless(email):
            raise ValueError("is too long, or has a character that cannot be seen")
        return email


@lru_cache(maxsize=4096)
def _clean_domain(host: str) -> str:
    """Most addresses share few domains."""
    return validate_email(f"a@{host}", check_deliverability=False).domain


#: JSON's and JavaScript's integers are exact up to here.
_INTEGER_MAX = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(FieldType):
    """A whole number."""

    least: int = -_INTEGER_MAX
    most: int = _INTEGER_MAX

    @property
    def constraint(self) -> str:
        """For people."""
        return f"must be a whole number from {self.least} to {self.most}"

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    @property
    def wire(self) -> Any:
        """Within the bounds."""
        return Annotated[int, Field(strict=True, ge=self.least, le=self.most)]

    @property
    def column(self) -> Column:
        """As a number."""
        return Column("integer")

    @property
    def empty(self) -> int:
        """Zero."""
        return 0

    def unlikely(self, seed: str) -> int:
        """Anywhere within the bounds."""
        return self.least + int(seed, 16) % (self.most - self.least + 1)

    def clean(self, value: int) -> int:
        """Raises ValueError."""
        if not self.least <= value <= self.most:
            raise ValueError("is out of range")
        return value

    @property
    def _python(self) -> type:
        return int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(FieldType):
    """A point in time: RFC 3339 with an offset in a request, in UTC with microseconds everywhere else, so that texts
    sort as times do."""

    @property
    def constraint(self) -> str:
        """For people."""
        return "must be a time such as 2026-01-15T10:30:00Z, with its offset from UTC"

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "string", "format": "date-time"}

    @property
    def wire(self) -> Any:
        """In its one form."""
        return Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]

    @property
    def column(self) -> Column:
        """As text."""
        return Column("text", len("2026-01-15T10:30:00.000000Z"))

    @property
    def empty(self) -> str:
        """No time."""
        return ""

    def unlikely(self, seed: str) -> str:
        """Of the first century."""
        moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seed, 16) % 3_000_000_000_000_000)
        return self.clean(moment.isoformat())

    def clean(self, value: str) -> str:
        """Raises ValueError."""
        try:
            moment = datetime.fromisoformat(value.strip())
            if moment.tzinfo is None:
                raise ValueError("has no offset from UTC")
            return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        except OverflowError:
            raise ValueError("is outside the calendar") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(FieldType):
    """True or false."""

    @property
    def constraint(self) -> str:
        """For people."""
        return "must be true or false"

    @property
    def json_schema(self) -> dict[str, Any]:
        """For the API's description."""
        return {"type": "boolean"}

    @property
    def wire(self) -> Any:
        """One of two."""
        return Annotated[bool, Field(strict=True)]

    @property
    def column(self) -> Column:
        """As a truth value."""
        return Column("boolean")

    @property
    def empty(self) -> bool:
        """False."""
        return False

    def unlikely(self, seed: str) -> bool:
        """One of two."""
        return int(seed, 16) % 2 == 1

    def clean(self, value: bool) -> bool:
        """As it is."""
        return value

    @property
    def _python(self) -> type:
        return bool


#: A value as the key under which it is unique.
Key = Callable[[Any], str]
