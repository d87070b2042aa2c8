"""Copied: a run on the highly available stack of a copy of this clone, which has its own data and ports."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.readme.clone import clone

_END_S = 180.0


def in_a_copy(folder: Path, arguments: Sequence[str], out: Path) -> int:
    """Run `python -m tests.verify ARGUMENTS --here` in a copy of this clone, and return its exit code. The report is in
    `out`."""
    copy = clone(folder / "clone")
    command = [sys.executable, "-m", "tests.verify", *arguments, "--here", "--out", str(out.absolute())]
    environment = os.environ | {"PORT_OFFSET": str(copy.offset)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(command, cwd=copy.folder, env=environment)
    try:
        return process.wait()
    except BaseException:  # the stack ends before its files go
        process.terminate()
        process.wait(_END_S)
        raise
