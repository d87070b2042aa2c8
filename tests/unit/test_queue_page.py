"""A reply with entries arrives completely within the time limit of one read."""

from collections.abc import Iterator

import pytest

from holdfast.shared.domain.registry import domain
from holdfast.shared.queue.page import page_size


@pytest.fixture
def articles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that serves resources with texts of 64 KiB."""
    monkeypatch.setenv("HOLDFAST_DOMAIN", "tests.articles")
    for kept in (domain, page_size):
        kept.cache_clear()
    yield
    for kept in (domain, page_size):
        kept.cache_clear()


def test_short_entries_come_in_full_pages() -> None:
    """A page of short entries, such as users, has as many entries as requested."""
    assert page_size(1000) == 1000


@pytest.mark.usefixtures("articles")
def test_long_entries_come_in_short_pages() -> None:
    """A page of long entries has at most 32 MiB, however many entries are requested, and at least one entry."""
    assert 1 <= page_size(5000) * 65_536 * 4 <= 32 << 20
    assert page_size(5000) == page_size(1_000_000)
    assert page_size(1) == 1
