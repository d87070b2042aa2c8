"""The page about a resource of one's own: its commands, run by the test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.readme.clone import Clone, clone
from tests.readme.documents import blocks

_PAGE = ROOT / "docs" / "your-own-resource.md"
_BLOCK_S = 240.0


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Clone]:
    """A fresh copy of the repository; processes that were started in it end with the test."""
    fresh = clone(tmp_path / "holdfast")
    yield fresh
    with contextlib.suppress(AssertionError):
        fresh.run("make down", _BLOCK_S)


@pytest.mark.long
def test_the_page_works_as_written(newcomer: Clone) -> None:
    """Each block of commands on the page works, in order and with the variables exported before, beside a checkout and
    with the wheel: a book is created, found and described."""
    exported: list[str] = []
    printed = []
    for block in blocks(_PAGE.read_text(), "sh"):
        done = newcomer.run("\n".join([*exported, block]), _BLOCK_S)
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        printed.append(done.stdout.replace(" ", ""))
        exported += [line for line in block.splitlines() if line.startswith("export ")]
    used = next(text for text in printed if '"BookPatch"' in text)
    assert '"status":"applied"' in used
    assert used.count('"shelfmark":"fiction-0042"') == 2
    assert '"success":false' not in used
    assert "Book/books,/books/{book_id}" in printed[-1]


def test_every_service_has_an_image_to_build_on() -> None:
    """The image that the page's recipe extends is the one that the shipped Dockerfile makes: a module in /app is
    found."""
    [recipe] = blocks(_PAGE.read_text(), "dockerfile")
    ours = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "COPY catalogue.py /app/" in recipe
    assert "WORKDIR /app" in ours
    assert 'CMD ["sh", "-c", "exec python -m holdfast.services.$SERVICE"]' in ours
