"""The whole journey in a real browser: a poison write, its group, its letter, a what-if, an edit, a replay, applied."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from deploy.poison.entries import poison
from holdfast.shared.queue.names import DEAD, WRITES
from tests import keys, processes
from tests.conftest import empty
from tests.console.conftest import Seen, accessible
from tests.console.test_alerts import alert, post
from tests.servers import Database, RedisServer, wait_until

_COUNT = 10


@pytest.fixture
def poisoned(console: processes.Service, redis_server: RedisServer, database: Database) -> Iterator[list[str]]:
    """The mishaps of ten writes that were dead-lettered, beside another with a huge payload."""
    empty(database)
    entries = list(poison(_COUNT, time.time_ns() // 1000, seed=7))
    huge = dict(entries[0][1]) | {"operation_id": b"huge", "user_id": b"huge", "payload": b'{"x": "' + b"<b>" * 300_000}
    with redis_server.client() as client:
        for _, fields in [*entries, ("huge", huge)]:
            client.xadd(WRITES, fields)  # type: ignore[arg-type]
        wait_until(lambda: client.xlen(WRITES) == 0 and client.xlen(DEAD) == 0, what="dead and indexed")
    yield [mishap for mishap, _ in entries]
    empty(database)


def test_from_poison_to_applied(seen: Seen, poisoned: list[str], database: Database) -> None:
    """A letter is found, edited, replayed and applied by clicks alone; every page on the way is accessible, and none
    violates its content policy."""
    page = seen.page
    page.goto("/console")
    expect(page.get_by_role("heading", level=1)).to_have_text("Writes are being dead-lettered now")
    accessible(page, "Writes are being dead-lettered now")
    page.get_by_role("link", name="Groups", exact=True).click()
    accessible(page, "Groups")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="How often")).to_be_visible()
    expect(page.get_by_text("Cannot be decoded: CreateUser").first).to_be_visible()
    accessible(page, "")

    page.get_by_label("Find an id or a text").fill("full_name")
    page.keyboard.press("Enter")
    accessible(page, "Letters")
    page.locator("td a.id").first.click()
    accessible(page, "Cannot be decoded")
    expect(page.locator("pre").first).to_contain_text('"full_name": "')
    expect(page.locator("pre").first).to_contain_text("•••")
    letter = page.url
    page.get_by_role("button", name="What if?").click()
    expect(page.locator(".tile")).to_contain_text("cannot be decoded")
    accessible(page, "What if")

    page.goto(letter)
    payload = _edited(page)
    page.get_by_role("button", name="Replay this letter").click()  # one step, without a reason
    expect(page.locator("#state")).to_have_attribute("data-state", "done")  # without a reload
    expect(page.locator("table.list .pill")).to_have_text("applied")  # the list is updated as well
    expect(page.locator("#tile-applied")).to_contain_text("1")
    accessible(page, "Replay")
    page.goto(letter)
    expect(page.locator(".head .pill").first).to_have_text("applied")
    expect(page.locator("main")).to_contain_text("Sent again and applied.")
    expect(page.locator("main .note.bad")).to_have_count(0)
    accessible(page, "Applied by replay")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM users")
        assert cursor.fetchall() == ((payload["full_name"],),)
    page.locator(".timeline").get_by_role("link", name="To be replayed").click()
    accessible(page, "1 letter replayed")
    page.get_by_role("link", name="Audit", exact=True).first.click()
    expect(page.get_by_role("region", name="Audit entries")).to_contain_text("the field has another name here")
    accessible(page, "Audit")
    assert seen.complaints == []


def _edited(page: Page) -> dict[str, str]:
    """Edit this page's letter: check, save, revert and use the edit again. Return the original payload."""
    page.get_by_text("Edit …").click()
    page.get_by_label("Reason for the change").fill("the field has another name here")
    page.get_by_role("button", name="Start editing").click()
    payload = json.loads(page.get_by_label("Payload").input_value())
    page.get_by_label("Payload").fill("{")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("alert")).to_contain_text("not JSON")
    page.get_by_label("Payload").fill(json.dumps({"name": payload["full_name"], "email": payload["email"]}))
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#verdict")).to_contain_text("Would apply")
    accessible(page, "Edit")
    page.get_by_role("button", name="Save the edit", exact=True).click()
    expect(page.locator(".timeline")).to_contain_text("Edit 1")
    expect(page.locator("main")).to_contain_text("A replay sends edit 1")
    expect(page.locator("#verdict")).to_contain_text("Would apply")
    expect(page.locator("main .note.bad")).to_have_count(0)

    page.locator(".timeline").get_by_role("link", name="Edited").click()  # revert the edit, and use it again
    page.locator("#undo").get_by_label("Reason").fill("the wrong letter")
    page.get_by_role("button", name="Back to the original").click()
    expect(page.locator(".head")).to_contain_text("original")
    expect(page.locator("main")).to_contain_text("No writer can decode the entry")
    page.locator(".timeline li", has_text="Edit 1").get_by_role("button", name="Use this one").click()
    expect(page.locator("main")).to_contain_text("A replay sends edit 3")
    original: dict[str, str] = payload
    return original


def test_many_are_transformed_sent_and_discarded(seen: Seen, poisoned: list[str]) -> None:
    """All letters that match a search are patched by the suggestion, reverted, patched again and replayed. Each step is
    the one that the group's page advises, and each action's page can undo it."""
    page = seen.page
    moved = poisoned.count("moved_on")
    page.goto("/console/letters?text=full_name")
    page.locator("td a.id").first.click()
    page.get_by_label("Where").get_by_role("link").nth(1).click()
    group, advice = page.url, page.locator(".next")
    expect(advice).to_contain_text("rename full_name -> name")
    _transform(page, moved)
    entry = page.url
    accessible(page, f"{moved} letters transformed")
    page.goto(group)
    expect(advice).to_contain_text("Every letter is edited")
    advice.get_by_role("link", name="What if?").click()
    expect(page.locator(".tile")).to_be_visible()
    page.reload()  # the what-if has an address
    expect(page.locator(".tile")).to_contain_text("would apply")
    page.goto(group)
    expect(advice).to_contain_text(f"all {moved} would be applied")

    page.goto(entry)
    page.locator("#undo").get_by_label("Reason").fill("too early")
    page.get_by_label("Type the count").fill(str(moved))
    page.get_by_role("button", name="Take the transform back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{moved} letters are as they were originally")
    expect(page.locator("table.list .pill.calm")).to_have_text(["original"] * moved)
    page.locator("#made").get_by_role("link").click()
    expect(page).to_have_url(entry)
    expect(page.locator("#since")).to_contain_text("taken back to what they were")
    page.get_by_role("button", name="Make it again …").click()
    expect(page.locator(".tile", has_text="would succeed when replayed")).to_contain_text(str(moved))
    page.goto(group)
    expect(advice).to_contain_text("rename full_name -> name")

    _transform(page, moved)
    page.goto(group)
    advice.get_by_role("link", name="What if?").click()
    page.goto(group)
    advice.get_by_role("link", name="Replay …").click()
    page.get_by_label("Reason, for the audit").fill("transformed")
    page.get_by_label("Type the count").fill(str(moved))
    page.get_by_role("button", name="Start the replay").click()
    expect(page.locator("#tile-applied")).to_contain_text(str(moved))
    page.goto(group)
    expect(advice).to_contain_text("Nothing to decide")
    assert seen.complaints == []


def test_a_letter_is_found_by_its_payload(seen: Seen, poisoned: list[str]) -> None:
    """A letter is found by part of a masked value, with a reason, and by an id as short as lists print it. The result
    of the search is in the audit, with all possible next steps."""
    page = seen.page
    moved = poisoned.count("moved_on")
    page.goto("/console/letters?state=dead&text=full_name")
    entity = page.locator("td.entity").first.inner_text()
    page.get_by_role("link", name="Search payloads").click()
    expect(page.locator(".crumbs")).to_contain_text("Letters with state dead, text full_name")
    accessible(page, "Search payloads")
    page.get_by_label("Part of a value").fill("@EXAMPLE")
    page.get_by_label("Field").fill("email")
    page.get_by_label("Reason, for the audit").fill("a customer calls")
    page.locator("main").get_by_role("button", name="Search", exact=True).click()
    expect(page.locator("#searched")).to_contain_text(f"{moved} of the {moved} letters")
    accessible(page, "Search payloads")
    page.locator("#searched a").click()
    accessible(page, f"{moved} letters found")
    assert "@example" not in page.locator("main").inner_text().lower()
    page.get_by_role("button", name="What if?").click()
    expect(page.locator(".tile")).to_contain_text(str(moved))

    page.get_by_label("Find an id or a text").fill(entity)
    page.keyboard.press("Enter")
    expect(page.locator("td.entity")).to_have_text(entity)
    assert seen.complaints == []


def _transform(page: Page, count: int) -> None:
    page.goto("/console/letters?text=full_name")
    page.get_by_label("all matching letters").check()
    page.get_by_role("button", name="Transform …").click()
    expect(page.get_by_label("Patch")).to_have_value(re.compile('"from": "/payload/full_name"'))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".tile", has_text="would succeed when replayed")).to_be_visible()
    page.reload()  # the preview has an address
    expect(page.locator(".tile", has_text="would succeed when replayed")).to_contain_text(str(count))
    accessible(page, "Change many")
    page.get_by_label("Reason, for the audit").fill("the field has another name here")
    page.get_by_label("Type the count").fill(str(count + 1))
    page.get_by_role("button", name="Save the edits").click()
    expect(page.get_by_role("alert")).to_contain_text(f"you typed {count + 1}, and it is {count} now")
    expect(page.get_by_label("Reason, for the audit")).to_have_value("the field has another name here")
    expect(page.locator(".tile", has_text="would succeed when replayed")).to_contain_text(str(count))
    page.get_by_label("Type the count").fill(str(count))
    page.get_by_role("button", name="Save the edits").click()


def test_a_discard_is_undone_from_its_own_page(seen: Seen, poisoned: list[str]) -> None:
    """A discard and its undo can each be undone from their own pages, and a patch that edits nothing cannot be
    confirmed."""
    page = seen.page
    page.clock.install()
    page.goto("/console/letters?text=unknown+schema")
    page.clock.fast_forward("10:00")
    expect(page.locator("td time")).to_have_text(re.compile("1[0-9] min ago"))  # ages grow
    _select(page, 1)
    page.get_by_role("button", name="Transform …").click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".diff")).to_contain_text("3 → 2")  # the only difference is outside the payload
    page.goto("/console/letters?text=unknown+schema")
    _select(page, 1)
    page.get_by_role("button", name="Discard …").click()
    page.get_by_label("Reason, for the audit").fill("a test")
    accessible(page, "Discard")
    page.get_by_role("button", name="Discard", exact=True).click()
    for done, undo in (("discarded", "Restore"), ("restored", "Discard")):
        accessible(page, f"1 letter {done}")
        page.locator("#undo").get_by_label("Reason").fill("another test")
        page.get_by_role("button", name=undo, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 letter discarded")

    page.goto("/console/letters?text=full_name")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="Transform …").click()
    page.get_by_label("Patch").fill('[{"op": "test", "path": "/schema", "value": "2"}]')
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("status")).to_contain_text("edits no letter")
    expect(page.get_by_role("button", name="Save the edits")).to_have_count(0)
    assert seen.complaints == []


def _select(page: Page, count: int) -> None:
    page.locator("input[name=id]").first.check()
    expect(page.locator("[data-ticked]")).to_have_text(f"{count} selected")


def test_nothing_in_a_letter_runs(seen: Seen, poisoned: list[str]) -> None:
    """Scripts, bytes, text that changes direction and very long text are shown as inert text, also when they are
    revealed."""
    page = seen.page
    for text, sign in (("must be 1 to 200 characters", "<script>alert"), ("not JSON", None)):
        page.goto(f"/console/letters?text={text}")
        for link in [each.get_attribute("href") for each in page.locator("td a.id").all()]:
            page.goto(str(link))
            page.get_by_text("Reveal …").click()
            page.get_by_label("Reason, for the audit").first.fill("a test")
            page.get_by_role("button", name="Reveal", exact=True).click()
            expect(page.get_by_text("Unmasked, on record")).to_be_visible()
            assert page.locator("main script, main img").count() == 0
            body = page.locator("main").inner_text()
            assert "\u202e" not in body
            assert len(body) < 60_000
            if sign and sign in body:
                assert "U+202E" in body
                sign = "seen"
        assert sign in (None, "seen")
    assert seen.complaints == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_an_alert_says_stays_within_a_phone(seen: Seen, console: processes.Service) -> None:
    """The text of an alert wraps on a narrow screen."""
    fired = post(alert("HoldfastADeadLetterThatHasALongName"))
    with console.client() as client:
        client.post("/alerts", json=fired, headers=keys.bearer(keys.ANNOUNCER)).raise_for_status()
        page = seen.page
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto("/console/letters")
        expect(page.locator("li.alert")).to_contain_text("numbers from")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        over = post(alert("HoldfastADeadLetterThatHasALongName", firing=False))
        client.post("/alerts", json=over, headers=keys.bearer(keys.ANNOUNCER)).raise_for_status()


def test_a_page_that_cannot_renew_itself_says_how_old_it_is(seen: Seen) -> None:
    """A page shows how old it is while dlq_admin does not answer or cannot renew a part, and no longer than that."""
    page = seen.page
    page.clock.install()
    page.goto("/console/groups")
    page.wait_for_selector("#strip:not(.waiting)")
    page.route("**/console/*", lambda route: route.abort())
    page.clock.run_for(20_000)
    expect(page.locator("#late")).to_contain_text("dlq_admin does not answer")
    page.unroute("**/console/*")
    page.clock.run_for(20_000)
    expect(page.locator("#late")).to_be_hidden()
    page.route("**/console/strip", lambda route: route.fulfill(status=503))
    page.clock.run_for(30_000)
    expect(page.locator("#late")).to_contain_text("cannot renew it")


def test_the_end_of_a_session_loses_nothing_that_is_typed(seen: Seen) -> None:
    """When the session ends, a page without entered text goes to the login; a page with entered text stays, and what is
    sent from it arrives after the login."""
    page = seen.page
    page.goto("/console/breakers")
    page.fill("[name=reason]", "moving the database")
    page.context.clear_cookies()
    expect(page.locator("#late")).to_contain_text("session is over")
    page.select_option("[name=breaker]", index=1)
    page.select_option("[name=action]", "lift")
    page.click("#override button")
    page.fill("#key", keys.OPERATOR)
    page.click("button.go")
    page.wait_for_selector("text=moving the database")
    page.click("button.go")
    page.wait_for_selector("#override")
    page.context.clear_cookies()
    page.wait_for_selector("#key")
