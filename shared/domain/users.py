"""Users: the declaration of users, and all that Holdfast knows about them."""

import re
import unicodedata
from functools import lru_cache
from typing import Annotated

import idna

from holdfast.shared.domain.field_types import Email, Text
from holdfast.shared.domain.resource import Example, Resource, Unique

#: The beginning of an internationalised label in ASCII.
_IDNA_LABEL = re.compile(r"[@.]xn--")


def email_key(email: str) -> str:
    """Return the form of an address under which it is unique, whichever way it was typed.

    The domain is its IDNA A-label (IDNA 2008, mapped by UTS 46), so `straße.example` and `xn--strae-oqa.example` are
    one domain and `strasse.example` is another. The local part is in lower case and NFC: mail systems that distinguish
    `Ann@` and `ann@` do not exist in practice, while `ß` and `ss` are different letters.
    """
    if email.isascii() and ("xn--" not in (plain := email.lower()) or not _IDNA_LABEL.search(plain)):
        return plain
    local, _, host = email.rpartition("@")
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    return f"{lower}@{_host_key(host)}"


@lru_cache(maxsize=4096)
def _host_key(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:  # not a domain of the public internet; the wire accepts it, so it needs a key of its own
        return unicodedata.normalize("NFC", host.lower())


class User(Resource, plural="users"):
    """A person, and the e-mail address that no other user has."""

    name: Annotated[str, Text(max_chars=200), Example("Ada Lovelace", changed="Ada King")]
    email: Annotated[
        str,
        Email(),
        # `claims`: the name under which earlier builds keep these claims.
        Unique(key=email_key, message="Another user has this e-mail address.", claims="emails"),
        Example("ada@example.com"),
    ]
