"""Tables, for a terminal, a Markdown page and HTML. The first column is text, the others are numbers."""

from collections.abc import Sequence
from html import escape

Rows = Sequence[Sequence[str]]


def text(head: Sequence[str], rows: Rows) -> str:
    """Return the table as aligned text."""
    table = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(pairs))
        for pairs in (zip(line, widths, strict=True) for line in table)
    )
    return "\n".join(line.rstrip() for line in lines)


def markdown(head: Sequence[str], rows: Rows) -> str:
    """Return the table as Markdown."""
    rule = [":--"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows))


def html(head: Sequence[str], rows: Rows) -> str:
    """Return the table as HTML."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def ms(value: float | None) -> str:
    """Format milliseconds with the digits that matter."""
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def percent(value: float | None) -> str:
    """Format a share in percent, never rounded to 0 or 100 unless it is exactly that."""
    if value is None:
        return "–"
    if value in (0, 100):
        return f"{value:.0f}"
    return f"{min(value, 99.99):.2f}" if value > 50 else f"{max(value, 0.01):.2f}"
