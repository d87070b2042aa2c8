"""Two operators and one replay: what each of them sees, and the result of an order that comes too late."""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from holdfast.shared.queue.names import DEAD
from tests import keys, letters, processes
from tests.conftest import empty
from tests.console.conftest import accessible, logged_in
from tests.servers import Database, RedisServer, wait_until


@pytest.fixture(scope="module")
def careful(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """A dlq_admin in which one person alone may change at most two letters."""
    empty(database)
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("careful")
    service = processes.dlq_admin(folder, redis_server.address, database.dsn, HOLDFAST_DLQ_APPROVE_OVER="2").start()
    yield service
    service.kill()
    empty(database)


def test_the_second_person_sees_what_they_approve(
    careful: processes.Service, chromium: Browser, redis_server: RedisServer
) -> None:
    """The approver sees the letters, their group and a what-if, the person who asked has no button to approve, and a
    refused approval keeps the page."""
    with redis_server.client() as client:
        for name in ("Ann", "Bob", "Cleo"):
            client.xadd(DEAD, letters.fields(name=name))  # type: ignore[arg-type]
        wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
    contexts = [chromium.new_context(base_url=careful.url) for _ in range(2)]
    asking, second = logged_in(contexts[0], keys.OPERATOR), logged_in(contexts[1], keys.ADMIN)
    page = asking.page
    page.wait_for_selector("#now")
    selection = json.dumps({"filter": {"code": "1406", "state": "dead"}})
    _ask(page, selection)

    other = second.page
    other.wait_for_selector("#now")
    other.goto(page.url)
    approval = other.locator("#approval")
    expect(approval).to_contain_text("What-if of all 3 letters")
    expect(approval.locator(".tile")).to_contain_text("would apply")
    expect(approval.locator("tbody tr")).to_have_count(3)
    expect(approval.get_by_role("link", name="Group")).to_have_count(1)
    accessible(other, "Replay")

    other.get_by_label("Reason, for the audit").fill("looks right")
    other.keyboard.press("Enter")  # gives no order
    other.route("**/*", _unless_renewed)
    page.get_by_label("Reason, for the audit").fill("not now")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#state")).to_have_attribute("data-state", "cancelled")
    other.get_by_role("button", name="Approve").click()  # that page does not know yet
    expect(other.get_by_role("alert")).to_contain_text("It is cancelled now")
    expect(other.get_by_role("heading", level=1)).to_contain_text("Replay")
    expect(other.get_by_label("Main")).to_be_visible()
    other.unroute("**/*")

    _ask(page, selection)  # and once more, in time
    other.goto(page.url)
    other.get_by_label("Reason, for the audit").fill("looks right")
    other.get_by_role("button", name="Approve").click()
    expect(other.locator("#state")).to_have_attribute("data-state", re.compile("running|done"))
    expect(other.locator("main")).to_contain_text("Approved")
    expect(page.locator("main")).to_contain_text(f"Approved{keys.ADMIN}")  # without a reload
    assert [each for each in (*asking.complaints, *second.complaints) if "409" not in each] == []
    for context in contexts:
        context.close()


def _ask(page: Page, selection: str) -> None:
    """Ask for a replay that one person alone may not start, and assert that there is no button to approve it."""
    page.goto(f"/console/replays/new?{urlencode({'selection': selection})}")
    page.get_by_label("Reason, for the audit").fill("the column is longer now")
    page.get_by_label("Type the count").fill("3")
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.get_by_text("another person approves it")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)


def _unless_renewed(route: Route) -> None:
    """Let every request pass, but answer a renewal with nothing new."""
    if "x-renewal" in route.request.headers:
        route.fulfill(status=204)
    else:
        route.continue_()
