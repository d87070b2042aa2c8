"""Pages: photographs every page of a console in four variants: desktop and phone, light and dark."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, ViewportSize

_LATEST_MS = 60_000
#: Shows whether the live view has drawn what Prometheus has.
DRAWN = "#live:not([data-as-of='']):not(.old)[data-as-of]"
_SIZES: dict[str, ViewportSize] = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
_LIGHTS: tuple[Literal["light", "dark"], ...] = ("light", "dark")
#: Page -> its address, or a link to it on the page at an address.
_FIXED = {
    "home": "/console",
    "groups": "/console/groups?every=true",
    "letters": "/console/letters",
    "replays": "/console/replays",
    "requests": "/console/requests",
    "audit": "/console/audit",
    "writers": "/console/writers",
    "breakers": "/console/breakers",
    "failures": "/console/failures",
    "epochs": "/console/epochs",
    "runbooks": "/console/runbooks",
    "error": "/console/letters/1-1",
    "search": "/console/search",
    "live": "/console/live",
}
_LINKED = {
    "group": ("/console/groups?every=true", "td a[href^='/console/groups/']"),
    "letter": ("/console/letters", "td a.id"),
    "hostile": ("/console/letters?text=marks+of+text+direction", "td a.id"),
    "replay": ("/console/replays", "td a[href^='/console/replays/']"),
    "audit-entry": ("/console/audit", "td a[href^='/console/audit/']"),
    "runbook": ("/console/runbooks", "td a[href^='/console/runbooks/']"),
}
_PREPARING = {"what-if": "what-if", "transform": "transforms", "replay-new": "replays/new", "discard": "discards"}


def photograph(browser: Browser, url: str, key: str, folder: Path) -> Iterator[Path]:
    """Write `folder/<page>-<size>-<light>.png` for each page that has content."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    for size, light in product(_SIZES, _LIGHTS):
        context = browser.new_context(base_url=url, viewport=_SIZES[size], color_scheme=light, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(_LATEST_MS)
        page.goto("/console")
        yield _picture(page, folder / f"login-{size}-{light}.png")
        page.fill("#key", key)
        page.click("text=Log in")
        page.wait_for_selector("#now")
        found = found or _addresses(page)
        for name, address in found.items():
            page.goto(address)
            yield _picture(page, folder / f"{name}-{size}-{light}.png")
        if "letter" in found:
            _edit(page, found["edit"])
            yield _picture(page, folder / f"editing-{size}-{light}.png")
        if "hostile" in found:
            _reveal(page, found["hostile"])
            yield _picture(page, folder / f"revealed-{size}-{light}.png")
        context.close()


def _addresses(page: Page) -> dict[str, str]:
    found = dict(_FIXED)
    for name, (where, link) in _LINKED.items():
        page.goto(where)
        if (first := page.locator(link).first).count():
            found[name] = str(first.get_attribute("href"))
    if "letter" in found:
        found["edit"] = f"{found['letter']}/edit"
    if "group" in found:
        selection = json.dumps({"fingerprint": found["group"].rpartition("/")[2]})
        query = urlencode({"selection": selection})
        found |= {name: f"/console/{path}?{query}" for name, path in _PREPARING.items()}
    return found


def _edit(page: Page, where: str) -> None:
    """Open the editor, which shows a letter unmasked and is recorded in the audit."""
    page.goto(where)
    page.fill("#why", "a picture of the page")
    page.click("text=Start editing")
    page.wait_for_selector("textarea")


def _reveal(page: Page, letter: str) -> None:
    """Show a letter unmasked without the editor."""
    page.goto(letter)
    page.get_by_text("Reveal …").click()
    page.fill("#why-reveal", "a picture of the page")
    page.get_by_role("button", name="Reveal", exact=True).click()
    page.get_by_text("Unmasked, on record").wait_for()


def _picture(page: Page, path: Path) -> Path:
    page.locator(".strip.waiting").wait_for(state="detached")
    if page.locator("#live").count():
        page.wait_for_selector(DRAWN, state="attached")
    page.screenshot(path=path, full_page=True)
    return path
