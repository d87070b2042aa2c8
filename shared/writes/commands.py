"""Commands: validated requests to change a user; and the write that a command becomes once accepted.

The models here are the schema of the wire: strict about shape and size, silent about style. What a person may
type (trimming, Unicode form, the grammar of an e-mail address) is decided once, where it is typed: in the api.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import idna
from pydantic import BaseModel, ConfigDict, Field, model_validator

from holdfast.shared.domain.typed import EMAIL_MAX_CHARS, NAME_MAX_CHARS

#: How an internationalised label looks in ASCII.
_IDNA_LABEL = re.compile(r"[@.]xn--", re.IGNORECASE)

Name = Annotated[str, Field(min_length=1, max_length=NAME_MAX_CHARS)]
Email = Annotated[str, Field(min_length=3, max_length=EMAIL_MAX_CHARS, pattern=r"^[^@\s]+@[^@\s]+$")]


class _Payload(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CreateUser(_Payload):
    """Make a user whose id was assigned at acceptance."""

    name: Name
    email: Email


class ReplaceUser(_Payload):
    """Set every field of a user."""

    name: Name
    email: Email


class UpdateUser(_Payload):
    """Set the fields that are given."""

    name: Name | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "UpdateUser":
        if self.name is None and self.email is None:
            raise ValueError("at least one field is required")
        return self


class DeleteUser(_Payload):
    """Remove a user; its id is never used again."""


class Heartbeat(_Payload):
    """Change nothing, and go all the way: what a heartbeat meets on it, a write of a client meets too."""


Command = CreateUser | ReplaceUser | UpdateUser | DeleteUser | Heartbeat

COMMANDS: dict[str, type[Command]] = {
    "CreateUser": CreateUser,
    "ReplaceUser": ReplaceUser,
    "UpdateUser": UpdateUser,
    "DeleteUser": DeleteUser,
    "Heartbeat": Heartbeat,
}

#: All heartbeats are writes of this user, who never is: ids of users are UUIDs.
HEARTBEAT_USER = "heartbeat"


def heartbeat_id(unix_s: float) -> str:
    """The operation id of a heartbeat made then. They sort by time, and apart from all others."""
    return f"heartbeat-{unix_s * 1000:013.0f}"


class Write(NamedTuple):
    """A command once accepted."""

    operation_id: str
    user_id: str
    command: Command
    version: int
    #: The user's latest write that was still pending at acceptance. None: nothing was.
    after: str | None = None
    #: Apply only if the user is at one of these versions; empty: at any.
    if_match: tuple[int, ...] = ()
    #: Apply only if the user is at none of these versions; `*`: only if there is no user.
    if_none_match: tuple[int, ...] | Literal["*"] = ()
    #: SHA-256 of the request, to tell a repeated key from a reused one.
    body_hash: str = ""
    request_id: str = ""
    traceparent: str = ""
    #: Version (so: time) after which the caller no longer wants it. None: never.
    expires_at: int | None = None
    #: Pub/sub channel of the api process that waits for the outcome, if one does.
    notify: str = ""
    #: The replay that sent it again; empty: none.
    replay: str = ""


def changes(command: Command) -> tuple[str | None, str | None]:
    """(name, email) that a command sets; None where it leaves the field alone."""
    match command:
        case CreateUser() | ReplaceUser() | UpdateUser():
            return command.name, command.email
        case DeleteUser() | Heartbeat():
            return None, None


def email_key(email: str) -> str:
    """The form of an address under which it is unique, whichever way it was typed.

    The domain is its IDNA A-label (IDNA 2008, mapped by UTS 46), so `straße.example` and `xn--strae-oqa.example` are
    one domain and `strasse.example` is another. The local part is in lower case and NFC: mail systems that tell
    `Ann@` from `ann@` do not exist in practice, while `ß` and `ss` are different letters.
    """
    if email.isascii() and not _IDNA_LABEL.search(email):
        return email.lower()
    local, _, domain = email.rpartition("@")
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    return f"{lower}@{_domain_key(domain)}"


@lru_cache(maxsize=4096)
def _domain_key(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:  # no domain of the public internet; the wire takes it, so it needs a key of its own
        return unicodedata.normalize("NFC", domain.lower())
