"""Left out: keeps out of memory the packages that libraries import when present for functions that no service uses, and
the machine's certificates. Together they take 8 to 19 MB in each process, for its whole life.

Code that does need such a package calls `load` before importing it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

LEFT_OUT: Final = (
    # redis-py uses it to check certificates by OCSP, which we do not request. PyMySQL needs it for some passwords
    # (shared/store/login.py).
    "cryptography",
    # redis-py has metrics of its own that use it. Our traces need it, if they are on.
    "opentelemetry.sdk",
    # structlog and SQLAlchemy support programs that use it. No image contains it; the tests do.
    "greenlet",
    # FastAPI checks whether a model belongs to pydantic's first version.
    "pydantic.v1",
    # structlog uses it for coloured tracebacks, where it is installed for another purpose.
    "rich",
)


def leave_out() -> None:
    """Make these packages appear as not installed to libraries that are imported from here on. Call this before any
    import."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None is Python's own mark for it
    for name in LEFT_OUT:
        modules.setdefault(name, None)


@contextmanager
def without_certificates() -> Iterator[None]:
    """Hide the machine's certificates from OpenSSL in this block. For the import of a library that reads all of them,
    3.5 MB, whether https is used or not. An SSL context made in this block trusts no certificate."""
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def load(name: str) -> None:
    """Allow importing the package from here on."""
    if sys.modules.get(name, sys) is None:
        del sys.modules[name]
