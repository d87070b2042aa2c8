"""Email: e-mail addresses as a field type."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from email_validator import EmailNotValidError, validate_email

from holdfast.shared.domain.characters import inkless
from holdfast.shared.domain.field_type import Column, FieldType

EMAIL_MAX_CHARS = 254
#: Local parts that are valid and normalised by any standard. All others are left to the library.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*")
_LOCAL_MAX_CHARS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(FieldType):
    """An e-mail address, as `email-validator` normalises it."""

    code: str = "INVALID_EMAIL_FORMAT"
    message: str = "Email address format is invalid"

    @property
    def constraint(self) -> str:
        """The rule, for people."""
        return "must be valid email format"

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema, for the API's description."""
        return {"type": "string", "format": "email", "maxLength": EMAIL_MAX_CHARS}

    @property
    def column(self) -> Column:
        """A text column."""
        return Column("text", EMAIL_MAX_CHARS)

    def unlikely(self, seed: str) -> str:
        """Return an address in a domain that is reserved for examples."""
        return f"{seed}@control.example"

    def clean(self, value: str) -> str:
        """Return the normalised address. Raises ValueError. In a plain address only the domain is validated."""
        local, _, host = value.strip().rpartition("@")
        try:
            if len(local) <= _LOCAL_MAX_CHARS and _PLAIN_LOCAL.fullmatch(local):
                email = f"{local}@{_clean_domain(host)}"
            else:
                email = validate_email(value.strip(), check_deliverability=False).normalized
        except EmailNotValidError:
            raise ValueError("is not an e-mail address") from None
        if len(email) > EMAIL_MAX_CHARS or (not email.isascii() and inkless(email)):
            raise ValueError("is too long, or has a character that cannot be seen")
        return email


@lru_cache(maxsize=4096)
def _clean_domain(host: str) -> str:
    """Return the normalised domain. Cached, because most addresses share few domains."""
    return validate_email(f"a@{host}", check_deliverability=False).domain
