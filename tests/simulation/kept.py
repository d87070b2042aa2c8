"""Kept seeds: runs that once found something, one per line: `SEED CUT # what it found`. CI repeats all of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.simulation.draw import draw
from tests.simulation.plan import Cut, Plan

FILE = Path(__file__).with_name("seeds.txt")


class Kept(NamedTuple):
    """A run to repeat."""

    seed: int
    cut: Cut
    found: str = ""

    @property
    def plan(self) -> Plan:
        """The seed's plan, reduced to what is kept."""
        return self.cut.of(draw(self.seed, self.cut.world))

    def __str__(self) -> str:
        return f"{self.seed} {self.cut}  # {self.found}"


def kept(text: str | None = None) -> Iterator[Kept]:
    """Return the kept seeds of the file, or of `text`. Raises ValueError for a malformed line."""
    for line in (FILE.read_text() if text is None else text).splitlines():
        run, _, found = line.partition("#")
        if run := run.strip():
            seed, _, cut = run.partition(" ")
            yield Kept(int(seed), Cut.parse(cut), found.strip())
