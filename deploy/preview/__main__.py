"""`python -m deploy.preview`: every dashboard of the running stack's console as a PNG, or with `--pages` every
page. Exit code 0: all of them are written, 2: it could not be tried, and why."""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from deploy.local import stack
from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import saved
from deploy.preview.pages import DRAWN, photograph

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_PREFIX = "holdfast-"
_DRAWN_MS = 30_000


def main() -> int:
    """Take the pictures, print each file, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.preview", description=__doc__)
    parser.add_argument("--range", default="15m", choices=("5m", "15m", "1h"), help="time range of the dashboards")
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "pictures", metavar="FOLDER")
    parser.add_argument("--width", type=int, default=1600, help="width of the window, in pixels")
    parser.add_argument("--dark", action="store_true", help="use the dark theme")
    parser.add_argument("--only", metavar="UID", help="take a picture of this dashboard only")
    parser.add_argument(
        "--pages", action="store_true", help="take pictures of every page of the console instead, in four variants"
    )
    options = parser.parse_args()
    try:
        _draw(options)
    except (Problem, Error) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def _draw(options: argparse.Namespace) -> None:
    chromium = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if chromium is None:
        raise Problem("pictures are drawn by Chromium, and there is none here", "apt-get install chromium")
    stack.check_running()
    url = f"http://{address(saved(), 'dlq_admin')}"
    with sync_playwright() as playwright:
        # Chromium's sandbox needs rights that root in a container does not have. It opens only our own pages.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            if options.pages:
                for path in photograph(browser, url, secret("operator_token"), options.out):
                    sys.stdout.write(f"{path}\n")
                return
            page = _logged_in(browser, url, options)
            for uid in [options.only] if options.only else _uids(page):
                path = options.out / f"dashboard-{uid.removeprefix(_PREFIX)}.png"
                _picture(page, f"/console/live/{uid}?range={options.range}", path)
                sys.stdout.write(f"{path}\n")
        finally:
            browser.close()


def _logged_in(browser: Browser, url: str, options: argparse.Namespace) -> Page:
    context = browser.new_context(
        base_url=url,
        viewport={"width": options.width, "height": 900},
        device_scale_factor=1.25,
        color_scheme="dark" if options.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/console/live")
    page.fill("#key", secret("operator_token"))
    page.click("text=Log in")
    page.wait_for_selector("main h1")
    return page


def _uids(page: Page) -> list[str]:
    links = page.locator("nav[aria-label=Dashboards] a")
    found = [str(each.get_attribute("href")).partition("?")[0].rpartition("/")[2] for each in links.all()]
    if not found:
        raise Problem("the console has no dashboards to draw")
    return found


def _picture(page: Page, where: str, path: Path) -> None:
    page.goto(where)
    page.wait_for_selector(DRAWN, state="attached", timeout=_DRAWN_MS)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)


if __name__ == "__main__":
    sys.exit(main())
