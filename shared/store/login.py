"""Login: PyMySQL encrypts a password with `cryptography`, where the server wants it in whole and there is no TLS: MySQL
does, when it has not seen the user since its start. It is loaded then, and not before (shared/runtime/left_out.py)."""

import importlib
from typing import Any

from pymysql import _auth as driver

from holdfast.shared.runtime import left_out


def _encrypted(password: bytes, salt: bytes, public_key: bytes) -> Any:
    """The password as the server wants it. PyMySQL's own function, now able to, takes the place of this one."""
    left_out.load("cryptography")
    importlib.reload(driver)
    return driver.sha2_rsa_encrypt(password, salt, public_key)


def prepare() -> None:
    """Call before the first connection is made."""
    if not driver._have_cryptography:  # type: ignore[attr-defined]  # private, and in no stub
        driver.sha2_rsa_encrypt = _encrypted
