"""The mix: kinds of request and their proportion, `reads=80,writes=18,external=2`."""

from collections.abc import Mapping
from enum import IntEnum


class Kind(IntEnum):
    """The closed set of kinds. The numbers are how samples store them."""

    READS = 0
    LISTS = 1
    WRITES = 2
    UPDATES = 3
    EXTERNAL = 4

    @property
    def word(self) -> str:
        """Its name in a mix."""
        return self.name.lower()

    @property
    def write(self) -> bool:
        """Whether it changes something."""
        return self in (Kind.WRITES, Kind.UPDATES)


DEFAULT = "reads=80,writes=18,external=2"
_WORDS = {kind.word: kind for kind in Kind}


def parse(text: str) -> Mapping[Kind, float]:
    """Kind -> weight; the weights need not add up to anything. Raises ValueError with what would be right."""
    mix: dict[Kind, float] = {}
    for part in text.split(","):
        name, equals, weight = (piece.strip() for piece in part.partition("="))
        kind = _WORDS.get(name)
        if kind is None:
            raise ValueError(f"MIX={text}: {name or 'nothing'!r} is not a kind of request: use {', '.join(_WORDS)}")
        if kind in mix:
            raise ValueError(f"MIX={text}: {name} is there twice")
        try:
            mix[kind] = float(weight)
        except ValueError:
            raise ValueError(f"MIX={text}: {name}{equals}{weight} has no number, like {name}=80") from None
        if not 0 <= mix[kind] < float("inf"):
            raise ValueError(f"MIX={text}: {name}={weight} is not 0 or more")
    if not sum(mix.values()):
        raise ValueError(f"MIX={text}: every weight is 0")
    return mix
