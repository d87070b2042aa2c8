"""A copy of the repository with a stack and ports of its own, for the duration of a test."""

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

#: Offsets for ports; no two of them lead to the same ports.
OFFSETS = range(12_000, 12_760, 40)
#: Ports below those of any clone, and above the ports of tests/ports.py.
LOCKS = range(15_010, 15_010 + len(OFFSETS))


@dataclass(frozen=True)
class Clone:
    """A copy of the repository. `folder` holds the files; ports are the usual ones plus `offset`."""

    folder: Path
    offset: int

    def run(self, command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a command of the documents as a newcomer's shell does, with its ports moved. Raises AssertionError after
        `timeout_s`."""
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
    """Copy this repository to `folder`, with links to its environments, which are large and the same."""
    shutil.copytree(ROOT, folder, ignore=_NOT_COPIED, symlinks=True)
    for environment in ROOT.glob(".venv*"):
        (folder / environment.name).symlink_to(environment.resolve())
    return Clone(folder, _offset())


def _offset() -> int:
    """Return an offset that is far from a developer's own stack, and from the ports that the kernel assigns. Every
    clone that runs at the same time has a different one: an offset belongs to the process that has bound its lock."""
    for port, offset in zip(LOCKS, OFFSETS, strict=True):
        lock = socket.socket()
        try:
            lock.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        lock.detach()  # stays bound as long as this process runs; an open socket object would warn at its end
        return offset
    raise AssertionError("all offsets are taken")
