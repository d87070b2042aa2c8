"""Selection: the dead letters that an operator points at: by their ids, by their group, or by a filter. One form for
whatever is done to them."""

from dataclasses import dataclass
from typing import Any

from shared.letters.filter import Filter
from shared.letters.ids import id_of


@dataclass(frozen=True, slots=True)
class Selection:
    """Either `numbers`, or `matching` (a group is the filter of its fingerprint)."""

    numbers: tuple[int, ...] = ()
    matching: Filter | None = None

    def told(self) -> dict[str, Any]:
        """For a record."""
        if self.matching is None:
            return {"ids": [id_of(number) for number in self.numbers]}
        return {"filter": self.matching.told()}
