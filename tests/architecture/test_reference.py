"""The reference pages match the code."""

from deploy.reference.pages import FOLDER, pages


def test_every_page_is_as_its_code() -> None:
    """Every reference page is as its code generates it, so `make docs` would change nothing."""
    for name, text in pages().items():
        assert (FOLDER / name).read_text() == text, f"{name}: make docs"
