"""Parts: splits things into parts of bounded size, so that no statement, call or page grows without limit."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def parts_of(things: Iterable[T], most: int, size: Callable[[T], int] = lambda _: 1) -> Iterator[list[T]]:
    """Yield the things in parts, in order. `most`: the largest sum of the sizes in a part; a thing that is larger than
    that is a part of its own. `size`: the size of a thing; by default 1, so that `most` is a number of things."""
    part, room = list[T](), most
    for thing in things:
        more = size(thing)
        if part and more > room:
            yield part
            part, room = [], most
        part.append(thing)
        room -= more
    if part:
        yield part
