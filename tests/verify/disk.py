"""Disk: a Redis that can lose power: what its append-only file held and had not been synced is gone.

`kill -9` alone does not show that a write is on disk before it is answered: the kernel keeps what a dead process has
written. So the syncs of Redis are observed, and the file is cut back to the last one before it starts again.
"""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

from tests.servers import RedisServer

_SOURCE = Path(__file__).with_name("fsync_observer.c")
_HELD_S = 2.0
_POLL_S = 0.005


class RedisOnDisk(RedisServer):
    """A Redis whose disk is observed if there is a C compiler. Without one, `lose_power` is `kill`."""

    def __init__(self, folder: Path, *extra: str) -> None:
        super().__init__(folder, *extra)
        self._log, self._hold, self._held = folder / "synced", folder / "hold", folder / "held"
        library = _compiled(folder)
        self.observed = library is not None
        if library:
            variables = {"LD_PRELOAD": library, "SYNCED_LOG": self._log, "SYNCED_HOLD": self._hold,
                         "SYNCED_HELD": self._held}  # fmt: skip
            self._command = ["env", *(f"{name}={value}" for name, value in variables.items()), *self._command]

    def lose_power(self) -> int:
        """Kill it while a write is on its way to the disk, if one comes soon, and return the number of lost bytes."""
        if not self.observed:
            self.kill()
            return 0
        self._held.unlink(missing_ok=True)
        self._hold.touch()
        end = time.monotonic() + _HELD_S
        while not self._held.exists() and time.monotonic() < end:
            time.sleep(_POLL_S)
        self.kill()
        self._hold.unlink()
        return self._cut()

    def _cut(self) -> int:
        """Cut the file back to the last sync."""
        synced: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self._log.read_text().splitlines():
                size, _, path = line.partition(" ")
                synced[path] = int(size)
        lost = 0
        for file in self.folder.rglob("*.incr.aof"):
            if (kept := synced.get(str(file.resolve()), 0)) < file.stat().st_size:
                lost += file.stat().st_size - kept
                with file.open("r+b") as opened:
                    opened.truncate(kept)
        return lost


def _compiled(folder: Path) -> Path | None:
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "fsync_observer.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return library if done.returncode == 0 else None
