"""A copy of the repository with a stack of its own, on ports of its own, for as long as a test needs it."""

import os
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

_PORT = re.compile(r"\blocalhost:(\d{4})\b")
_NOT_COPIED = shutil.ignore_patterns(".git", ".local", ".venv*", "__pycache__", ".*_cache", ".hypothesis")

#: No two of them move a stack's ports to the same place.
OFFSETS = range(12_000, 12_760, 40)
#: Below what any of them moves, above the ports of tests/ports.py.
LOCKS = range(15_010, 15_010 + len(OFFSETS))


@dataclass(frozen=True)
class Clone:
    """`folder` holds the files; ports are the usual ones plus `offset`."""

    folder: Path
    offset: int

    def run(self, command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """A command of the documents, as a newcomer's shell runs it, its ports moved."""
        moved = _PORT.sub(lambda match: f"localhost:{int(match[1]) + self.offset}", command)
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        token = self.folder / ".local" / "secrets" / "operator_token"
        own = {"TOKEN": token.read_text().strip()} if token.exists() else {}
        process = subprocess.Popen(
            ["bash", "-ec", moved], cwd=self.folder, env=keep | own | {"PORT_OFFSET": str(self.offset)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
            raise AssertionError(f"{command}: not within {timeout_s} s\n{output}") from None
        return subprocess.CompletedProcess(moved, process.returncode, output, "")


def clone(folder: Path) -> Clone:
    """With this repository's environments, which are large and the same."""
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED, symlinks=True)
    for environment in ROOT.glob(".venv*"):
        (folder / environment.name).symlink_to(environment.resolve())
    return Clone(folder, _offset())


def _offset() -> int:
    """Far from where a developer's own stack would be, and from where the kernel gives out ports. Every clone that
    runs at the same time has another, whoever runs it: it belongs to the process that has bound its lock."""
    for port, offset in zip(LOCKS, OFFSETS, strict=True):
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        lock.detach()  # bound as long as this process runs; as an object it would complain at its end
        return offset
    raise AssertionError("all offsets are taken")
