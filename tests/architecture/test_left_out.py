"""Modules that a process leaves out are not imported there, and each process has what it needs."""

import os
import subprocess
import sys
from pathlib import Path

from holdfast.shared.runtime.left_out import LEFT_OUT
from tests.certificates import Authority
from tests.processes import ROOT

_SERVICES = ("api", "writer", "external_proxy", "dlq_admin")

_IMPORT_ALL = f"""
import sys
from holdfast.shared.runtime.left_out import leave_out
leave_out()
for service in {_SERVICES}:
    __import__(f"holdfast.services.{{service}}.process")
print(*sorted({{name for name, module in sys.modules.items() if module}}))
"""

_CERTIFICATES = """
import os
from holdfast.shared.http import client
from aiohttp import connector
contexts = connector._SSL_CONTEXT_VERIFIED, connector._SSL_CONTEXT_UNVERIFIED
print(*(context.cert_store_stats()["x509"] for context in contexts), os.environ["SSL_CERT_FILE"])
"""

_LOGIN = """
from holdfast.shared.runtime.left_out import leave_out
leave_out()
from pymysql import _auth
from holdfast.shared.store.login import prepare
assert not _auth._have_cryptography
prepare()
own = _auth.sha2_rsa_encrypt
try:
    _auth.sha2_rsa_encrypt(b"secret", b"s" * 20, b"no key")
except ValueError:
    pass  # PyMySQL's own function has looked at the key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
key = rsa.generate_private_key(65537, 2048)
public = key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
from cryptography.hazmat.primitives import hashes
sent = own(b"secret", b"s" * 20, public)
plain = key.decrypt(sent, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
print(bytes(one ^ ord("s") for one in plain).decode())
"""


def _printed(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | environment, check=True, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def test_services_do_not_load_what_is_left_out() -> None:
    """A process of any service loads neither the packages that are left out nor anything in them, whichever library
    would import them."""
    loaded = _printed(_IMPORT_ALL).split()
    assert "holdfast.services.api.app" in loaded
    assert [
        name for name in loaded if name.startswith(tuple(f"{each}." for each in LEFT_OUT)) or name in LEFT_OUT
    ] == []


def test_a_password_that_a_server_wants_encrypted_is_encrypted() -> None:
    """A password that a MySQL server without TLS wants encrypted is encrypted, because the modules for it are loaded
    before the first password."""
    assert _printed(_LOGIN) == "secret\0\n"


def test_nobody_reads_the_machines_certificates_who_may_never_need_them(tmp_path: Path) -> None:
    """An import reads no certificates of the machine, and leaves the environment as it was."""
    certificate = str(Authority(tmp_path).certificate)
    assert _printed(_CERTIFICATES, SSL_CERT_FILE=certificate) == f"0 0 {certificate}\n"
