"""Mix: what kinds of request, in which proportion: `reads=80,writes=18,external=2`."""

from collections.abc import Mapping
from enum import IntEnum


class Kind(IntEnum):
    """A closed set; the number is how it is kept."""

    READS = 0
    LISTS = 1
    WRITES = 2
    UPDATES = 3
    EXTERNAL = 4

    @property
    def word(self) -> str:
        """As in a mix."""
        return self.name.lower()

    @property
    def write(self) -> bool:
        """Whether it changes something."""
        return self in (Kind.WRITES, Kind.UPDATES)


DEFAULT = "reads=80,writes=18,external=2"
_WORDS = {kind.word: kind for kind in Kind}


def parse(text: str) -> Mapping[Kind, float]:
    """Kind -> weight; the weights may add up to anything. Raises ValueError, which says what would be right."""
    mix: dict[Kind, float] = {}
    for part in text.split(","):
        name, equals, weight = (piece.strip() for piece in part.partition("="))
        kind = _WORDS.get(name)
        if kind is None:
            raise ValueError(f"MIX={text}: {name or 'nothing'!r} is no kind of request; there are {', '.join(_WORDS)}")
        if kind in mix:
            raise ValueError(f"MIX={text}: {name} is there twice")
        try:
            mix[kind] = float(weight)
        except ValueError:
            raise ValueError(f"MIX={text}: {name}{equals}{weight} has no number, like {name}=80") from None
        if not 0 <= mix[kind] < float("inf"):
            raise ValueError(f"MIX={text}: {name}={weight} is not 0 or more")
    if not sum(mix.values()):
        raise ValueError(f"MIX={text}: all of it is 0")
    return mix
