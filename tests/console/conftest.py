"""A dlq_admin, a writer, and a browser: a real Chromium. Without Chromium, the tests of the journey are skipped with a
reason."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests import keys, processes
from tests.processes import PATIENT_WRITER
from tests.servers import START_DEADLINE_S, Database, RedisServer

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

#: A browser beside three other workers is sometimes slow.
_PATIENCE_MS = START_DEADLINE_S * 1000
expect.set_options(timeout=_PATIENCE_MS)


@pytest.fixture(scope="module")
def console(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """A dlq_admin with a console, and a writer behind it."""
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("console")
    service = processes.dlq_admin(folder, redis_server.address, database.dsn).start()
    writer = processes.writer(
        folder, redis_server.address, database.dsn, **PATIENT_WRITER, HOLDFAST_WRITER_DEAD_SHARE_MAX="1"
    ).start()
    yield service
    writer.kill()
    service.kill()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium. Skips the test if there is none."""
    path = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"Chromium does not start: {error}")
        yield browser
        browser.close()


class Seen:
    """A page, and its complaints: errors of scripts, dialogs that no test opens, and violations of the content security
    policy."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("console", self._complain)

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _complain(self, message: Any) -> None:
        if message.type == "error" and "422" not in message.text:  # a form that is refused with 422 is no fault
            self.complaints.append(f"console: {message.text}")


@pytest.fixture
def seen(chromium: Browser, console: processes.Service) -> Iterator[Seen]:
    """The page of an operator who has just logged in."""
    context = chromium.new_context(base_url=console.url)
    seen = logged_in(context, keys.OPERATOR)
    seen.page.wait_for_selector("#now")
    yield seen
    context.close()


def logged_in(context: BrowserContext, key: str) -> Seen:
    """Log in with this key, and return the page."""
    seen = Seen(context.new_page())
    seen.page.goto("/console")
    seen.page.fill("#key", key)
    seen.page.click("text=Log in")
    return seen


_VIOLATIONS = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"


def accessible(page: Page, heading: str) -> None:
    """Check that axe finds nothing serious on the page with this heading, in the light and in the dark scheme."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    page.evaluate(Axe().axe_script)  # once for both schemes: loading the script takes as long as a check
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found: Any = page.evaluate(_VIOLATIONS)
        bad = [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found
               if each["impact"] in ("serious", "critical")]  # fmt: skip
        assert not bad, (page.url, scheme, bad)
