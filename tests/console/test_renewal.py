"""Parts of a page that renew themselves: what an operator does there meanwhile stays."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from holdfast.services.dlq_admin.console.render import assets

_ROOT = "http://console.invalid"
_SHELL = """<!doctype html><title>One</title>
<body data-now="2026-01-15T10:30:00Z"{build}><input id="find"><p id="late" hidden><b role="alert"></b><time></time></p>
<main><div id="part" data-renew="1" data-from="/part">{part}</div>{own}</main>
<select id="times"><option value="age">as ages</option></select>
<script src="/console.js"></script><script src="/renew.js"></script>"""
_OWN = '<div id="own" data-renew="5"></div>'
_ROW = '<li data-row id="row-{0}"><a href="/{0}">{0}</a> <span>{1}</span></li>'


def _part(rows: str, count: int, form: str) -> str:
    listed = "".join(_ROW.format(name, count) for name in rows)
    return f"<ul>{listed}</ul><details><summary>More</summary><p>{count} more</p></details>{form}"


def _form(options: str) -> str:
    chosen = "".join(f'<option value="{each}">{each}</option>' for each in options)
    return f'<form method="post"><label>Why <input name="why"></label><select id="which">{chosen}</select></form>'


class _Server:
    """Answers a page and its part, which a test changes. `own`: a part that is renewed from the page's address.
    `viewed`: the page is no answer to a form."""

    def __init__(self, page: Page, part: str, own: str = "", *, viewed: bool = True) -> None:
        self.part = part
        self.own = own
        self.viewed = viewed
        self.build = "1"
        page.route(f"{_ROOT}/**", self._answer)
        page.goto(f"{_ROOT}/")

    def _answer(self, route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name.endswith(".js"):
            route.fulfill(path=assets._FOLDER / name, content_type="text/javascript")
        elif name == "part":
            whole = f'<title>Two</title><div id="part" data-renew="1" data-from="/part">{self.part}</div>'
            route.fulfill(body=whole, content_type="text/html", headers={"X-Build": self.build})
        else:
            build = f' data-build="{self.build}"' if self.viewed else ""
            route.fulfill(body=_SHELL.format(part=self.part, own=self.own, build=build), content_type="text/html")


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page without a console behind it."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_a_renewed_part_keeps_what_a_person_did_there(page: Page) -> None:
    """While its numbers change and its rows move, a part keeps opened details, the focus on the same link, typed text,
    a chosen option and selected text. A form in which something is typed outlives its absence."""
    server = _Server(page, _part("abc", 1, _form("xyz")))
    focused = "document.activeElement.getAttribute('href')"
    page.locator("summary").click()
    page.fill("[name=why]", "a reason")
    page.select_option("#which", "y")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('summary'))")
    page.focus("[href='/c']")
    server.part = _part("dcb", 2, _form("wyx"))
    expect(page.locator("#row-c span")).to_have_text("2")
    assert page.evaluate("[...document.querySelectorAll('li')].map(each => each.textContent)") == ["d 2", "c 2", "b 2"]
    assert page.evaluate(focused) == "/c"
    assert page.evaluate("getSelection().toString()") == "More"
    expect(page.get_by_text("2 more")).to_be_visible()
    expect(page).to_have_title("Two")
    assert page.locator("#which").evaluate("each => [each.value, ...[...each].map(({ value }) => value)]") == [*"ywyx"]

    server.part = _part("b", 3, "")
    expect(page.locator("#row-b span")).to_have_text("3")
    expect(page.locator("[name=why]")).to_have_value("a reason")
    server.part = _part("b", 4, _form("y"))
    expect(page.locator("#row-b span")).to_have_text("4")
    assert page.locator("[name=why]").evaluate_all("all => all.map(({ value }) => value)") == ["a reason"]


def test_a_button_never_becomes_another_order(page: Page) -> None:
    """When an order is no longer possible, its button goes, and no other button takes over its focus."""
    server = _Server(page, _orders("pause", "cancel"))
    page.focus("[formaction='/pause']")
    server.part = _orders("resume", "cancel")
    expect(page.get_by_role("button", name="resume")).to_be_visible()
    assert page.evaluate("document.activeElement.localName") == "body"
    page.focus("[formaction='/cancel']")
    server.part = _orders("pause", "recall", "cancel")
    expect(page.get_by_role("button", name="recall")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "cancel"


def test_a_page_is_loaded_again_after_an_upgrade(page: Page) -> None:
    """When only another build has answered for a while, a page that renews itself is loaded again, as a page that was
    viewed. A page that answers a form, or in which something is typed, stays."""
    cases = ("", True, True), ("[name=why]", True, False), ("#find", True, False), ("", False, False)
    for typed, viewed, again in cases:
        page.clock.install()
        server = _Server(page, _part("a", 1, _form("x")), _OWN, viewed=viewed)
        page.evaluate("window.first = true")
        if typed:
            page.fill(typed, "a reason")
        for count in 2, 3:
            server.build, server.part = str(count), _part("a", count, _form("x"))
            page.clock.run_for(20_000)
            expect(page.locator("#row-a span")).to_have_text(str(count))
        assert page.evaluate("window.first === undefined") is again, (typed, viewed)
        page.unroute_all()


def _orders(*names: str) -> str:
    buttons = "".join(f'<button formaction="/{name}">{name}</button>' for name in names)
    return f'<form method="post">{buttons}</form>'
