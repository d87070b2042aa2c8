"""The journal: how to undo each fault. It is written before the fault begins, so that it outlives the runner."""

import json
import threading
from pathlib import Path
from typing import Any

from deploy.local.places import LOCAL, write_private

FOLDER = LOCAL / "chaos"
#: One entry, which one function of `mend.py` undoes: {"how": ..., and what that function needs}.
Undo = dict[str, Any]


class Journal:
    """The undo entries of one stack, in a file. Thread-safe."""

    def __init__(self, path: Path = FOLDER / "undo.json") -> None:
        self.path = path
        self._changing = threading.Lock()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def folder(self) -> Path:
        """The folder of the file, which also holds the logs of helper processes."""
        return self.path.parent

    def read(self) -> list[Undo]:
        """Return what has to be undone, in the order in which it was done."""
        try:
            undos: list[Undo] = json.loads(self.path.read_text())
        except FileNotFoundError:
            return []
        return undos

    def add(self, undo: Undo) -> Undo:
        """Add an entry, before the fault begins, and return it."""
        with self._changing:
            self._write([*self.read(), undo])
        return undo

    def strike(self, undo: Undo) -> None:
        """Remove an entry that has been undone."""
        with self._changing:
            self._write([each for each in self.read() if each != undo])

    def _write(self, undos: list[Undo]) -> None:
        if undos:
            write_private(self.path, json.dumps(undos, indent=1) + "\n")
        else:
            self.path.unlink(missing_ok=True)
