"""The documentation site builds, shows its diagrams, and sends no request to another host."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import ROOT
from tests.console.conftest import chromium  # noqa: F401 - a fixture
from tests.readme.documents import blocks

_BUILD_S = 600.0
_PATIENCE_MS = 60_000
_DRAWN = "wanted => [...document.querySelectorAll('div.mermaid')].filter(one => one.clientHeight > 50).length == wanted"
_LOADS = re.compile(r"<(?:script|img|link)\b[^>]*?(?:src|href)=[\"']?(?:https?:)?//", re.IGNORECASE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        ["make", "docs-build", f"OUT={folder}"],
        cwd=ROOT, capture_output=True, text=True, timeout=_BUILD_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.long
def test_every_diagram_is_drawn_without_a_network(site: Path, chromium: Browser) -> None:  # noqa: F811
    """Each page with diagrams shows as many drawings as it has diagrams, and requests only files of the site."""
    pages = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "```mermaid" in page.read_text()]
    assert len(pages) > 2
    context = chromium.new_context(offline=True)
    for page in pages:
        tab = context.new_page()
        elsewhere: list[str] = []
        tab.on("request", lambda request, seen=elsewhere: seen.append(request.url))
        tab.goto((site / page.relative_to(ROOT / "docs").with_suffix(".html")).as_uri(), timeout=_PATIENCE_MS)
        wanted = len(blocks(page.read_text(), "mermaid"))
        tab.wait_for_function(_DRAWN, arg=wanted, timeout=_PATIENCE_MS)
        assert [url for url in elsewhere if not url.startswith(("file:", "data:", "blob:"))] == []
        tab.close()
    context.close()


@pytest.mark.long
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    """Every page loads its scripts, styles, fonts and pictures from the site itself."""
    found = {page: _LOADS.findall(page.read_text()) for page in site.rglob("*.html")}
    assert len(found) >= len(list((ROOT / "docs").rglob("*.md")))
    assert {page: what for page, what in found.items() if what} == {}
    assert not any(re.search(r"url\([\"']?(?:https?:)?//", style.read_text()) for style in site.rglob("*.css"))
