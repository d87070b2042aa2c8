"""Table: formats lines for a terminal. The contents of a dead letter are not trusted: no control character, no change
of direction and no invisible character reaches the terminal."""

import re
import shutil
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from holdfast.shared.domain.characters import inkless

_CELL_MAX_CHARS = 60
#: Cells are not cut below this width to make a table fit.
_CELL_MIN_CHARS = 8
_BETWEEN = "  "
#: A row that needs several lines starts a new one rather than cut a column below this width.
_FOLDED_MIN_CHARS = 24
#: Tables show times to the second; `--json` has the full precision.
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|-")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")

#: Heading -> the field of an answer to show below it, or a function that makes the cell from the whole answer.
Columns = Mapping[str, str | Callable[[Any], Any]]


def plain(value: Any, most: int | None = None) -> str:
    """Return the value as text on one line, cut to `most` characters."""
    if value is None:
        return "-"
    text = "".join(char if char.isprintable() and not inkless(char) else "�" for char in str(value))
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None) -> list[str]:
    """Return a header and a line per row. Long cells are cut, and further if the table is wider than `width` (None: the
    terminal's). The first column, which names the row, and times are not cut further. Rows that are still too wide take
    several lines."""
    cells = [[_MOMENT.sub(r"\1 \2", plain(cell, _CELL_MAX_CHARS)) for cell in row] for row in rows]
    if not cells:
        return ["(none)"]
    whole = [list(columns), *cells]
    widths = [max(len(row[at]) for row in whole) for at in range(len(columns))]
    kept = {at for at in range(len(columns)) if not at or all(_TIME.fullmatch(row[at]) for row in cells)}
    most = _terminal() if width is None else width
    fitted = _fitted(widths, most, kept)
    if not most or _length(fitted) <= most:
        return [_line(row, fitted) for row in whole]
    lines = []
    for number, columns_of_line in enumerate(_folded(widths, most)):
        indent = _BETWEEN if number else ""
        own = [widths[at] for at in columns_of_line]
        own = _fitted(own, most - len(indent), [place for place, at in enumerate(columns_of_line) if at in kept])
        lines.append([indent + _line([row[at] for at in columns_of_line], own) for row in whole])
    return [line for row in zip(*lines, strict=True) for line in row]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return _BETWEEN.join(plain(cell, most).ljust(most) for cell, most in zip(row, widths, strict=True)).rstrip()


def _length(widths: Sequence[int]) -> int:
    return sum(widths) + len(_BETWEEN) * (len(widths) - 1)


def _folded(widths: Sequence[int], most: int) -> list[list[int]]:
    """Return the columns of each line of a row."""
    lines: list[list[int]] = [[0]]
    used = widths[0]
    for at, width in enumerate(widths[1:], 1):
        used += len(_BETWEEN) + min(width, _FOLDED_MIN_CHARS)
        if used > most:
            lines.append([])
            used = len(_BETWEEN) + min(width, _FOLDED_MIN_CHARS)
        lines[-1].append(at)
    return lines


def _terminal() -> int:
    """Return the terminal's width in columns, or 0 if the output goes elsewhere and is not cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _fitted(widths: list[int], most: int, kept: Container[int]) -> list[int]:
    """Return widths reduced to fit into `most`. The widest columns are cut first; the columns in `kept` are never
    cut."""
    fitted = list(widths)
    cut = [at for at in range(len(widths)) if at not in kept]
    while most and cut and _length(fitted) > most:
        widest = max(cut, key=lambda at: fitted[at])
        if fitted[widest] <= _CELL_MIN_CHARS:
            break
        fitted[widest] -= 1
    return fitted


def listed(columns: Columns, answers: Iterable[Any]) -> list[str]:
    """Return a table with a row per answer."""
    return table(tuple(columns), [list(_cells(columns, one).values()) for one in answers])


def described(columns: Columns, answer: Any) -> list[str]:
    """Return one answer as lines of `name  value`."""
    return facts(_cells(columns, answer))


def _cells(columns: Columns, answer: Any) -> dict[str, Any]:
    return {name: answer[of] if isinstance(of, str) else of(answer) for name, of in columns.items()}


def facts(pairs: Mapping[str, Any]) -> list[str]:
    """Return lines of `name  value`."""
    width = max(map(len, pairs), default=0)
    return [f"{name.ljust(width)}  {plain(value)}".rstrip() for name, value in pairs.items()]


def counts(values: Mapping[str, int] | None) -> str:
    """Return the counts that are not 0: `dead 3, replaying 1`."""
    return ", ".join(f"{plain(name)} {count}" for name, count in (values or {}).items() if count) or "none"
