"""Markdown tables."""

from collections.abc import Iterable, Sequence

GENERATED = "Written from the code by `make docs`; not edited by hand."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a line below the head."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(title: str, *parts: str) -> str:
    """Return a page with its title and its source."""
    return "\n\n".join([f"# {title}", GENERATED, *parts]) + "\n"
