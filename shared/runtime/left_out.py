"""Left out: packages that libraries load when they find them, for what no service asks of them, and the machine's
certificates. Together they are 8 to 19 MB in each process, for its whole life.

A package is loaded after all when something needs it: whoever knows that calls `load` first.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

LEFT_OUT: Final = (
    # redis-py checks certificates by OCSP with it, which we do not ask for. PyMySQL needs it for some passwords
    # (shared/store/login.py).
    "cryptography",
    # redis-py has metrics of its own. Our traces need it, if there are any.
    "opentelemetry.sdk",
    # structlog and SQLAlchemy support programs of it. No image has it; the tests do.
    "greenlet",
    # FastAPI looks whether a model is one of pydantic's first version.
    "pydantic.v1",
    # structlog draws tracebacks in colours with it, where it is installed for something else.
    "rich",
)


def leave_out() -> None:
    """For libraries that are imported from here on these packages are not installed. Call first of all."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None is Python's own mark for it
    for name in LEFT_OUT:
        modules.setdefault(name, None)


@contextmanager
def without_certificates() -> Iterator[None]:
    """In this block OpenSSL finds no certificates of the machine: for the import of a library that reads all of them,
    3.5 MB, whether anybody will ask for https or not. A context made in here trusts nobody."""
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
    """From here on the package may be imported."""
    if sys.modules.get(name, sys) is None:
        del sys.modules[name]
