"""Login: loads `cryptography` only when PyMySQL needs it (shared/runtime/left_out.py): to encrypt a password when there
is no TLS and the server asks for the whole password, as MySQL does at a user's first login after its start."""

import importlib
from typing import Any

from pymysql import _auth as driver

from holdfast.shared.runtime import left_out


def _encrypted(password: bytes, salt: bytes, public_key: bytes) -> Any:
    """Encrypt the password as the server requires. The reload puts PyMySQL's own function, which can do so now, in the
    place of this one."""
    left_out.load("cryptography")
    importlib.reload(driver)
    return driver.sha2_rsa_encrypt(password, salt, public_key)


def prepare() -> None:
    """Make PyMySQL load `cryptography` on demand. Call before the first connection is made."""
    if not driver._have_cryptography:  # type: ignore[attr-defined]  # private, and in no stub
        driver.sha2_rsa_encrypt = _encrypted
