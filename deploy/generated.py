"""Generated: writes files from code, and keeps them equal to it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def keep(folder: Path, texts: Mapping[str, str], made_by: str, arguments: Sequence[str]) -> int:
    """Write the files that differ from their code. With `--check`, only list them, and return exit code 1 if there are
    any."""
    stale = [name for name, text in texts.items() if not is_current(folder / name, text)]
    if "--check" in arguments:
        for name in stale:
            print(f"{folder / name} is out of date: {made_by}", file=sys.stderr)
        return 1 if stale else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (folder / name).write_text(texts[name])
        print(f"wrote {folder / name}")
    return 0


def is_current(path: Path, text: str) -> bool:
    """Return whether the file has this text."""
    return path.exists() and path.read_text() == text
