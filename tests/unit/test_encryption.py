"""Encryption of connections to the database: which TLS context a connection uses, and what it verifies."""

from pathlib import Path
from typing import Any

import pymysql
import pytest

from holdfast.shared.connections.tls import Renewed, Tls
from holdfast.shared.store import encryption
from tests.certificates import Authority


def _context(tls: Tls) -> Any:
    connection: Any = pymysql.connect(defer_connect=True, **encryption.arguments(tls))
    return connection.ctx


def test_connections_share_what_encrypts_them() -> None:
    """All connections to servers that may offer TLS share one context, which verifies nothing and so loads no
    certificates. A connection that verifies its server has a context that verifies."""
    encryption.prepare()
    if_offered = Tls(required=False, verify_chain=False, verify_name=False)
    assert _context(if_offered) is _context(if_offered)
    assert _context(if_offered).verify_mode == _context(if_offered).cert_store_stats()["x509"] == 0
    assert _context(Tls()).verify_mode != 0


def test_files_that_do_not_fit_together_yet_change_nothing(tmp_path: Path) -> None:
    """While a renewed certificate and its key do not match, the previous pair stays in use, and the new pair is used
    once it is complete. A key that is missing at the start is an error."""
    authority = Authority(tmp_path)
    own, key = authority.issue("own")
    renewed = Renewed(Tls(ca_file=str(authority.certificate), certificate=str(own), key=str(key)))
    first = renewed.context()
    assert renewed.context() is first
    other, other_key = authority.issue("other")
    other.replace(own)
    assert renewed.context() is first
    other_key.replace(key)
    second = renewed.context()
    assert second is not first
    key.unlink()
    assert renewed.context() is second
    with pytest.raises(ValueError, match="certificate"):
        Renewed(Tls(certificate=str(own), key=str(key)))
