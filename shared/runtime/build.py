"""Which build this is: recorded on every attempt, so that an operator can tell what a failure failed on."""

import os
from importlib.metadata import PackageNotFoundError, version

VERSION_WITHOUT_INSTALL = "0.1.0"


def revision() -> str:
    """Whatever the image or the stack put into HOLDFAST_REVISION; settings refuse what is no name."""
    return os.environ.get("HOLDFAST_REVISION", "dev")


def build_id() -> str:
    """`<version>+<revision>`."""
    try:
        release = version("holdfast")
    except PackageNotFoundError:
        release = VERSION_WITHOUT_INSTALL
    return f"{release}+{revision()}"
