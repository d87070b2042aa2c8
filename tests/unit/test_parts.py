"""Things are split into parts of bounded size."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.runtime.parts import parts_of


@given(st.lists(st.integers(0, 9)), st.integers(1, 20))
def test_parts_are_as_large_as_they_may_be(sizes: list[int], most: int) -> None:
    """Nothing is left out or reordered, and only a thing that is too large by itself exceeds the limit. No thing would
    have fitted into the part before its own."""
    parts = list(parts_of(sizes, most, lambda size: size))
    assert [size for part in parts for size in part] == sizes
    assert all(sum(part) <= most or len(part) == 1 for part in parts)
    assert all(sum(part) + after[0] > most for part, after in pairwise(parts))


def test_things_without_a_size_are_counted() -> None:
    """A part has at most so many things."""
    assert list(parts_of("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]
