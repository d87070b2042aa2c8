"""Results -> rows -> one table, as text and as Markdown. Ratios come first, because they hold on other machines too."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One row. The lists have one value per round; ratios are taken within each round."""

    what: str
    values: Sequence[float]
    unit: str
    ratios: Sequence[float] = ()
    p99_ms: Sequence[float] = ()
    note: str = ""

    def cells(self) -> list[str]:
        """Return the cells as shown: medians, and the range over the rounds."""
        return [
            f"{median(self.ratios):.2f}" if self.ratios else "",
            f"{min(self.ratios):.2f} – {max(self.ratios):.2f}" if self.ratios else "",
            self.what,
            _number(median(self.values)),
            f"{_number(min(self.values))} – {_number(max(self.values))}",
            self.unit,
            f"{median(self.p99_ms):.1f}" if self.p99_ms else "",
            self.note,
        ]


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that belong together, with a title that names what their ratio refers to."""

    title: str
    rows: Sequence[Row]


_HEAD = ("ratio", "rounds", "what", "median", "rounds", "unit", "p99 ms", "")
_RIGHT = {0, 3, 6}


def as_text(parts: Sequence[Part]) -> str:
    """Return the table for a terminal."""
    table = [list(_HEAD)] + [row.cells() for part in parts for row in part.rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEAD))]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.rjust(width) if column in _RIGHT else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(placed).rstrip()

    lines = [line(_HEAD)]
    for part in parts:
        lines += ["", part.title, *(line(row.cells()) for row in part.rows)]
    return "\n".join(lines)


def as_markdown(parts: Sequence[Part]) -> str:
    """Return the table for a page."""
    lines = [_markdown_line(_HEAD), "|" + "|".join("--:" if c in _RIGHT else ":--" for c in range(len(_HEAD))) + "|"]
    for part in parts:
        lines.append(_markdown_line(["", "", f"**{part.title}**", "", "", "", "", ""]))
        lines += [_markdown_line(row.cells()) for row in part.rows]
    return "\n".join(lines)


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
