"""Spawn: starts processes beside the stack, in sessions of their own, which are found by a record instead of by their
parent."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.local.processes import Process

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def spawn(
    arguments: Sequence[str],
    output: Path,
    *,
    stdin: int | None = None,
    python: str = sys.executable,
    env: Mapping[str, str] | None = None,
) -> Process:
    """Run `PYTHON -m ARGUMENTS` in the repository's root, with its output in a file. `stdin`: a descriptor; `env`:
    added to ours. Raises Problem."""
    command = ("/usr/bin/env", "-C", str(REPO), python, "-m", *arguments)
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    actions = [
        nothing if stdin is None else (os.POSIX_SPAWN_DUP2, stdin, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), _WRITE, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    own = os.environ | dict(env or {})
    process = Process.of(os.posix_spawn(command[0], command, own, file_actions=actions, setsid=True))
    if process is None:
        raise Problem(f"{arguments[0]} did not start", f"see {output}")
    return process


def undo_of(process: Process) -> dict[str, object]:
    """Return the journal entry that ends it."""
    return {"how": "end", "process": [process.pid, process.born, process.boot]}
