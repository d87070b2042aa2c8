"""Encryption of connections to the database: what a connection holds for it."""

from typing import Any

import pymysql

from holdfast.shared.connections.tls import Tls
from holdfast.shared.store import encryption


def _context(tls: Tls) -> Any:
    connection: Any = pymysql.connect(defer_connect=True, **encryption.arguments(tls))
    return connection.ctx


def test_connections_share_what_encrypts_them() -> None:
    """One context for all whose server may offer TLS, with none of the machine's certificates, as it verifies nobody;
    one with them where they are verified."""
    encryption.prepare()
    if_offered = Tls(required=False, verify_chain=False, verify_name=False)
    assert _context(if_offered) is _context(if_offered)
    assert _context(if_offered).verify_mode == _context(if_offered).cert_store_stats()["x509"] == 0
    assert _context(Tls()).verify_mode != 0
