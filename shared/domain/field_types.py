"""Field types: the kinds of fields that a resource may have."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.shared.domain.characters import plain, shows, turns
from holdfast.shared.domain.email import Email as Email
from holdfast.shared.domain.field_type import EXACT_BELOW, Column, FieldType

_LINE_BREAKS = str.maketrans("", "", "\n\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(FieldType):
    """Visible text: trimmed, in Unicode's NFC, without control characters or marks of text direction.

    `lines`: line breaks and tabs are allowed, and white space around the text is kept. Each line break becomes `\\n`.
    """

    max_chars: int
    min_chars: int = 1
    lines: bool = False

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return (
            f"must be {self.min_chars} to {self.max_chars} characters, at least one of them visible,"
            f" without control characters{' other than line breaks and tabs' * self.lines} or marks of text direction"
        )

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "string", "minLength": self.min_chars, "maxLength": self.max_chars}

    @property
    def column(self) -> Column:
        """A text column."""
        return Column("text", self.max_chars)

    def unlikely(self, seed: str) -> str:
        """Repeat the seed until the value is long enough."""
        return (seed * -(-self.min_chars // len(seed)))[: self.max_chars]

    def clean(self, value: str) -> str:
        """Return the cleaned text. Raises ValueError."""
        text = value.replace("\r\n", "\n").replace("\r", "\n") if self.lines else value.strip()
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
            text = text if self.lines else text.strip()
            if turns(text) or not shows(text):
                raise ValueError("cannot be seen, or turns the text around it")
        elif text.isspace():
            raise ValueError("cannot be seen")
        line = text.translate(_LINE_BREAKS) if self.lines else text
        if not plain(line) or not self.min_chars <= len(text) <= self.max_chars:
            raise ValueError("has characters that are not allowed, or too few or too many")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Slug(FieldType):
    """A name for use in URLs: lower-case ASCII letters and digits, in words joined by hyphens."""

    max_chars: int = 100

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return f"must be 1 to {self.max_chars} lower-case letters and digits, in words joined by hyphens"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "string", "pattern": f"^{_SLUG.pattern}$", "maxLength": self.max_chars}

    @property
    def column(self) -> Column:
        """A text column."""
        return Column("text", self.max_chars)

    def unlikely(self, seed: str) -> str:
        """Return the seed."""
        return seed[: self.max_chars]

    def clean(self, value: str) -> str:
        """Return the trimmed slug. Raises ValueError."""
        slug = value.strip()
        if len(slug) > self.max_chars or not _SLUG.fullmatch(slug):
            raise ValueError("is not a slug")
        return slug


_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

_INTEGER_MAX = EXACT_BELOW - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer(FieldType):
    """A whole number."""

    least: int = -_INTEGER_MAX
    most: int = _INTEGER_MAX

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return f"must be a whole number from {self.least} to {self.most}"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    @property
    def column(self) -> Column:
        """An integer column."""
        return Column("integer")

    def unlikely(self, seed: str) -> int:
        """Return a number anywhere within the bounds."""
        return self.least + int(seed, 16) % (self.most - self.least + 1)

    def clean(self, value: int) -> int:
        """Return the number. Raises ValueError if it is out of range."""
        if not self.least <= value <= self.most:
            raise ValueError("is out of range")
        return value


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(FieldType):
    """A point in time. A request gives it in RFC 3339 with an offset; everywhere else it is in UTC with microseconds,
    so that texts sort like times."""

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return "must be a time such as 2026-01-15T10:30:00Z, with its offset from UTC"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "string", "format": "date-time"}

    @property
    def column(self) -> Column:
        """A text column."""
        return Column("text", len("2026-01-15T10:30:00.000000Z"))

    def unlikely(self, seed: str) -> str:
        """Return a time in the first century."""
        moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seed, 16) % 3_000_000_000_000_000)
        return self.clean(moment.isoformat())

    def clean(self, value: str) -> str:
        """Return the time in UTC with microseconds. Raises ValueError."""
        try:
            if not _RFC_3339.fullmatch(text := value.strip()):
                raise ValueError("is not as in RFC 3339, with an offset from UTC")
            moment = datetime.fromisoformat(text.upper())
            return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        except OverflowError:
            raise ValueError("is outside the calendar") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean(FieldType):
    """True or false."""

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return "must be true or false"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "boolean"}

    @property
    def column(self) -> Column:
        """A boolean column."""
        return Column("boolean")

    def unlikely(self, seed: str) -> bool:
        """Return one of the two values."""
        return int(seed, 16) % 2 == 1

    def clean(self, value: bool) -> bool:
        """Return the value unchanged."""
        return value
