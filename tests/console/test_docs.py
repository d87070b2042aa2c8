"""The API's own documentation in a browser, without requests to other hosts."""

from playwright.sync_api import Browser, expect

from tests.console.conftest import Seen
from tests.processes import Service

_LATEST_MS = 60_000


def test_the_docs_are_whole_where_nothing_else_is_reached(chromium: Browser, console: Service) -> None:
    """The documentation sends every request to the service itself, needs no key to read, and its operations open."""
    context = chromium.new_context(base_url=console.url)
    seen = Seen(context.new_page())
    seen.page.set_default_timeout(_LATEST_MS)
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    seen.page.goto("/docs")
    expect(seen.page.locator("h1, h2").filter(has_text="Holdfast dlq_admin")).to_be_visible(timeout=_LATEST_MS)
    seen.page.locator("#operations-tag-replays, [id^=operations-]").first.wait_for()
    assert {url.removeprefix(console.url) for url in asked if not url.startswith("data:")} == {
        "/docs", "/docs/start.js", "/docs/swagger-ui.js", "/docs/swagger-ui.css", "/openapi.json"
    }  # fmt: skip
    seen.page.locator(".opblock-summary-control").first.click()  # its styles and examples
    expect(seen.page.locator(".opblock-body").first).to_be_visible(timeout=_LATEST_MS)
    assert seen.complaints == []
    context.close()
