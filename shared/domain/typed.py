"""Typed: the rules for what a person types, wherever that is: in a request to the api, or in an operator's edit."""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from pydantic_core import PydanticCustomError

from holdfast.shared.domain.characters import inkless, shows, turns

NAME_MAX_CHARS = 200
EMAIL_MAX_CHARS = 254

#: Control, surrogate, unassigned and private-use characters; line and paragraph separators.
_NOT_IN_NAMES = {"Cc", "Cs", "Cn", "Co", "Zl", "Zp"}


def clean_name(value: str) -> str:
    """Trimmed, in one Unicode form. Raises PydanticCustomError, which is a ValueError."""
    name = value.strip()
    if not name.isascii():
        name = unicodedata.normalize("NFC", name).strip()
        if turns(name) or not shows(name):
            raise PydanticCustomError("name", "a name that cannot be seen or that turns its neighbours")
    plain = name.isprintable() or not any(unicodedata.category(char) in _NOT_IN_NAMES for char in name)
    if not plain or not 0 < len(name) <= NAME_MAX_CHARS:
        raise PydanticCustomError("name", "invalid name")
    return name


#: Local parts that are valid and normal by any standard; everything else is the library's to judge.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*")
_LOCAL_MAX_CHARS = 64


def clean_email(value: str) -> str:
    """The address as `email-validator` normalises it; a plain one costs a look at its domain. Raises likewise."""
    local, _, domain = value.strip().rpartition("@")
    try:
        if len(local) <= _LOCAL_MAX_CHARS and _PLAIN_LOCAL.fullmatch(local):
            email = f"{local}@{_clean_domain(domain)}"
        else:
            email = validate_email(value.strip(), check_deliverability=False).normalized
            if inkless(email):
                raise PydanticCustomError("email", "an address with a character that cannot be seen")
    except EmailNotValidError:
        raise PydanticCustomError("email", "invalid e-mail address") from None
    if len(email) > EMAIL_MAX_CHARS:
        raise PydanticCustomError("email", "invalid e-mail address")
    return email


@lru_cache(maxsize=4096)
def _clean_domain(domain: str) -> str:
    """Most addresses share few domains."""
    return validate_email(f"a@{domain}", check_deliverability=False).domain
