"""The distribution of tests over several workers."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests import schedule

_ID = "tests/a/test_b.py::test_c[1]"


def item(*scopes: str, long: bool = False) -> Any:
    """Return a test with a fixture of each of these scopes."""
    fixtures = {f"fixture-{scope}": [SimpleNamespace(scope=scope)] for scope in scopes}
    return SimpleNamespace(
        nodeid=_ID,
        _fixtureinfo=SimpleNamespace(name2fixturedefs=fixtures),
        get_closest_marker=lambda name: "mark" if long and name == "long" else None,
    )


@pytest.mark.parametrize(
    ("test", "rank", "unit"),
    [
        (item(), "3", _ID),
        (item("function"), "3", _ID),
        (item("function", "session"), "2", _ID),
        (item("session", "module"), "1", "tests/a/test_b.py"),
        (item("session", long=True), "0", _ID),
    ],
)
def test_what_goes_together_and_what_goes_first(test: Any, rank: str, unit: str) -> None:
    """Long tests come first, then files whose tests share a fixture and stay together, then other tests with a shared
    fixture, and tests without one last."""
    assert (schedule._rank(test), schedule._unit(test)) == (rank, unit)
