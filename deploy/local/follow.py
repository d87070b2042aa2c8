"""Follow: shows the logs of all programs. JSON lines become columns, and other lines stay as they are."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.local.output import echo, output_closed
from deploy.local.places import LOGS

_POLL_S = 0.25
#: Lines of each program that a terminal shows at first, of all and of one.
_SHOWN_OF_ALL, _SHOWN_OF_ONE = 5, 200
_NAME_WIDTH = 14
_LINE_MAX = 2000
_COLOURS = {"error": "31", "critical": "31", "warning": "33"}
#: Fields that have columns of their own, or are the same on every line.
_HIDDEN = {"timestamp", "level", "service", "event", "action", "instance"}


def follow(only: str, *, from_end: bool, until: Callable[[], bool]) -> None:
    """Print the last lines, and new ones until `until()`, or until the output is closed. What is no terminal gets all
    lines that are kept, so that `make logs | grep` finds the past. `only`: a prefix of the names that are followed."""
    files: dict[str, _Tail] = {}
    show = 0 if from_end else None if not sys.stdout.isatty() else _SHOWN_OF_ONE if only else _SHOWN_OF_ALL
    try:
        while not until() and not output_closed():
            for path in sorted(LOGS.glob(f"{only}*.log")):
                if path.name not in files:
                    files[path.name] = _Tail(path, show)
                for line in files[path.name].lines():
                    echo(readable(path.stem, line))
            show = None  # a program that appears later is read from its first line
            time.sleep(_POLL_S)
    finally:
        for tail in files.values():
            tail.close()


def readable(name: str, line: str) -> str:
    """Format a line: `12:30:01 writer-0 write_dead_lettered reason=...`"""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        return f"{'':8} {name:{_NAME_WIDTH}} {line[:_LINE_MAX]}"
    clock = str(entry.get("timestamp", ""))[11:19]
    rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in _HIDDEN and key != "exception")
    trace = f"\n{entry['exception']}" if "exception" in entry else ""
    text = f"{clock:8} {name:{_NAME_WIDTH}} {entry.get('event', '')} {rest}{trace}"
    colour = _COLOURS.get(str(entry.get("level")))
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and _coloured() else text


def _coloured() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


class _Tail:
    """One growing file, followed across rotation."""

    def __init__(self, path: Path, show: int | None) -> None:
        """Open the file. `show`: how many of the lines that are there count as new; None: all, and those of the file
        before it."""
        self._path = path
        self._file = path.open("rb")
        if show is None:
            before = path.with_name(f"{path.name}.1")
            self._rest = before.read_bytes() if before.exists() else b""
        else:
            lines = self._file.read().splitlines(keepends=True)
            self._rest = b"".join(lines[len(lines) - min(show, len(lines)) :])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def lines(self) -> Iterator[str]:
        """Return the whole lines that are new since the last call."""
        yield from self._whole(self._file.read())
        try:
            rotated = self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return
        if rotated:
            self._file.close()
            self._file = self._path.open("rb")
            yield from self._whole(self._file.read())

    def _whole(self, fresh: bytes) -> Iterator[str]:
        *whole, self._rest = (self._rest + fresh).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip()
