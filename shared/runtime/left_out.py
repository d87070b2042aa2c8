"""Left out: packages that libraries load when they find them, for what no service asks of them. Together they are 5 to
14 MB in each process, for its whole life.

A package is loaded after all when something needs it: whoever knows that calls `load` first.
"""

import sys
from types import ModuleType
from typing import Final

LEFT_OUT: Final = (
    # redis-py checks certificates by OCSP with it, which we do not ask for. PyMySQL needs it for some passwords
    # (shared/store/login.py).
    "cryptography",
    # redis-py has metrics of its own. Our traces need it, if there are any.
    "opentelemetry.sdk",
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


def load(name: str) -> None:
    """From here on the package may be imported."""
    if sys.modules.get(name, sys) is None:
        del sys.modules[name]
