"""Results: what every proof found. The key holds everything that a result depends on, so that a run may be done in
pieces."""

import json
from pathlib import Path
from threading import Lock

from tests.mutants.proofs import Found, Word


class Results:
    """Known results, in a file. Thread-safe."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = Lock()
        self._found: dict[str, dict[str, object]] = json.loads(file.read_text()) if file.is_file() else {}

    def get(self, key: str) -> Found | None:
        """Return the result, or None if the proof has not run yet or did not finish."""
        found = Found.from_json(self._found[key]) if key in self._found else None
        return None if found is None or found.word is Word.UNKNOWN else found

    def keep(self, key: str, found: Found) -> None:
        """Write a result to the file at once."""
        with self._lock:
            self._found[key] = found.to_json()
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._found, indent=1))
