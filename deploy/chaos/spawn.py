"""Spawn: processes beside the stack, in sessions of their own, that are known by a record and not by their parent."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.places import REPO
from deploy.local.problem import Problem
from deploy.local.processes import Process

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def spawn(arguments: Sequence[str], output: Path, start_line: int | None = None) -> Process:
    """`python -m ARGUMENTS` in the repo's root, with what it says in a file; `start_line`: a descriptor to read from.
    Raises Problem."""
    own = ("/usr/bin/env", "-C", str(REPO), sys.executable, "-m", *arguments)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0) if start_line is None
        else (os.POSIX_SPAWN_DUP2, start_line, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), _WRITE, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]  # fmt: skip
    process = Process.of(os.posix_spawn(own[0], own, os.environ, file_actions=actions, setsid=True))
    if process is None:
        raise Problem(f"{arguments[0]} did not start", f"see {output}")
    return process
