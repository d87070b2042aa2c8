"""Build: identifies the running build. It is recorded with every attempt, so that an operator sees which build
failed."""

import os
from importlib.metadata import PackageNotFoundError, version

VERSION_WITHOUT_INSTALL = "0.1.0"


def revision() -> str:
    """Return HOLDFAST_REVISION, which images and the local stack set. The settings check its form."""
    return os.environ.get("HOLDFAST_REVISION", "dev")


def build_id() -> str:
    """Return `<version>+<revision>`."""
    try:
        release = version("holdfast")
    except PackageNotFoundError:
        release = VERSION_WITHOUT_INSTALL
    return f"{release}+{revision()}"
