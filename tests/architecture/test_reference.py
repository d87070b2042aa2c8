"""The reference pages say what the code says."""

import pytest

from deploy.reference.pages import FOLDER, pages


@pytest.mark.parametrize("name", pages())
def test_a_page_is_as_its_code(name: str) -> None:
    """`make docs` would change nothing."""
    assert (FOLDER / name).read_text() == pages()[name], "make docs"
