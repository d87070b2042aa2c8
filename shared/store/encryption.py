"""Encryption of connections to the database, in PyMySQL's words. Where TLS is used if the server offers it, PyMySQL
reads all certificates of the machine for every connection, 1 MB and some milliseconds, and then verifies nobody with
them: one context that has none serves all of them here."""

import ssl
from typing import Any, Final

from pymysql.connections import Connection

from holdfast.shared.connections.tls import Tls

_own = Connection._create_ssl_ctx  # type: ignore[attr-defined]  # private, and in no stub
_IF_OFFERED: Final = Tls(required=False, verify_chain=False, verify_name=False).context()


def arguments(tls: Tls | None) -> dict[str, Any]:
    """Without any, PyMySQL encrypts if the server offers it, and goes on in clear where it does not."""
    if tls is None:
        return {"ssl_disabled": True}
    return {"ssl": tls.context()} if tls.required else {}


def prepare() -> None:
    """Call before the first connection is made."""
    Connection._create_ssl_ctx = _context  # type: ignore[attr-defined]  # PyMySQL has no other place for it


def _context(connection: Any, wanted: Any) -> ssl.SSLContext:
    made: ssl.SSLContext = _own(connection, wanted) if wanted else _IF_OFFERED
    return made
