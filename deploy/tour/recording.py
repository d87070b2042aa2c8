"""Recording: keeps what a terminal showed, as an asciicast (version 2, which players of terminal recordings read) and
as text."""

import json
import re
import sys
import time
from pathlib import Path

_WIDTH, _HEIGHT = 100, 32
_STYLE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


class Recording:
    """What was shown, and when."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._shown: list[tuple[float, str]] = []

    def show(self, text: str) -> None:
        """Print it, and keep it."""
        self._shown.append((time.monotonic() - self._began, text))
        sys.stdout.write(text)
        sys.stdout.flush()

    def write(self, folder: Path) -> str:
        """Write the files, and return their names."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {"version": 2, "width": _WIDTH, "height": _HEIGHT, "timestamp": int(time.time()), "title": "Holdfast"}
        events = [json.dumps([round(at, 3), "o", text.replace("\n", "\r\n")]) for at, text in self._shown]
        cast, plain = folder / "tour.cast", folder / "tour.txt"
        cast.write_text("\n".join([json.dumps(head), *events, ""]))
        plain.write_text(_STYLE.sub("", "".join(text for _, text in self._shown)))
        return f"{cast} (asciinema play), {plain}"
