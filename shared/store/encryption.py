"""Encryption: the TLS arguments of connections to the database. If TLS is optional, PyMySQL loads all certificates of
the machine for every connection, which takes 1 MB and some milliseconds, and then does not verify the server with them.
Here, one context without certificates serves all such connections."""

import ssl
from typing import Any, Final

from pymysql.connections import Connection

from holdfast.shared.connections.tls import Renewed, Tls

_own = Connection._create_ssl_ctx  # type: ignore[attr-defined]  # private, and in no stub
_IF_OFFERED: Final = Tls(required=False, verify_chain=False, verify_name=False).context()


def arguments(tls: Tls | None) -> dict[str, Any]:
    """Return PyMySQL's arguments for a TLS setting. An empty result means that PyMySQL encrypts if the server offers
    TLS, and otherwise continues in plain text."""
    if tls is None:
        return {"ssl_disabled": True}
    return {"ssl": Renewed(tls)} if tls.required else {}


def prepare() -> None:
    """Make PyMySQL use the shared context. Call before the first connection is made."""
    Connection._create_ssl_ctx = _context  # type: ignore[attr-defined]  # PyMySQL has no other place for it


def _context(connection: Any, wanted: Any) -> ssl.SSLContext:
    if isinstance(wanted, Renewed):
        return wanted.context()
    made: ssl.SSLContext = _own(connection, wanted) if wanted else _IF_OFFERED
    return made
