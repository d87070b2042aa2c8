"""What is watched in the database while a run goes on."""

import pytest

from tests.simulation.watch import Watch

_Row = tuple[str, str | None, int, int, int, int]


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        (("a", "x", 5, 5, 5, 0), ("a", "x", 7, 5, 5, 0), ""),
        (("a", "x", 7, 5, 5, 0), ("a", "x", 6, 5, 5, 0), "inverted"),
        (("a", None, 5, 5, 5, 9), ("a", None, 5, 5, 5, 7), ""),
        (("a", None, 5, 5, 5, 7), ("a", None, 5, 5, 5, 9), "resurrected"),
        (("a", None, 5, 5, 5, 7), ("a", "x", 5, 5, 5, 0), "resurrected"),
    ],
    ids=["changed", "version back", "an earlier delete", "a later delete", "back from the dead"],
)
def test_what_a_user_may_become(before: _Row, after: _Row, wrong: str) -> None:
    """It is a violation if a version of a user decreases, or if a delete is undone or becomes later. A row holds id,
    key, the versions of both fields, of the create and of the delete."""
    rows = [before]
    watch = Watch(lambda query: rows if " FROM users" in query else (), lambda: 0.0)
    watch.look()
    rows[0] = after
    watch.look()
    assert [each.partition(":")[0] for each in watch.violations] == ([wrong] if wrong else [])
