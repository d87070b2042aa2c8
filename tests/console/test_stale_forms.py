"""Forms of a page that has become outdated: another operator has changed the letter since it was shown."""

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index import insert as index
from holdfast.shared.store.engine import Engine, make_engine
from tests import keys
from tests.dead_letters.test_edits import named
from tests.letters import letter
from tests.servers import PATIENT_DATABASE, Database, RedisServer

BOB = Actor("bob", "operate", "another operator", "req_12345678")
MINE = letter(1)
URL = f"/console/letters/{id_of(MINE.number)}"


@pytest.fixture
def engine(clean_database: Database) -> AsyncIterator[Engine]:
    """An engine on a database that holds one dead letter."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=2)
    index.index(made, [MINE])
    yield made
    made.dispose()


@pytest.fixture
async def browser(
    tmp_path: Path, clean_redis: RedisServer, clean_database: Database, engine: Engine
) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of an operator who has logged in."""
    settings = DlqAdminSettings(
        redis_addr=clean_redis.address, db_dsn=clean_database.dsn, keys_file=keys.written_to(tmp_path)
    )
    transport = httpx.ASGITransport(DlqAdmin(settings).http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        await client.post("/console/login", data={"key": keys.OPERATOR})
        yield client


def fields_of(page: str) -> dict[str, str]:
    """Return the values of the fields of all forms of a page."""
    inputs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    texts = re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', page)
    return {name: html.unescape(value) for name, value in [*inputs, *texts]}


def name_in_force(engine: Engine) -> str:
    """Return the name that a replay would send."""
    fields = edits.look(engine, [MINE.number])[MINE.number].fields
    return str(orjson.loads(fields[b"payload"])["name"])


async def test_an_edit_does_not_replace_an_edit_that_its_author_has_not_seen(
    browser: httpx.AsyncClient, engine: Engine
) -> None:
    """An edit form that was opened before another operator's edit is refused, keeps what was typed, and changes
    nothing; a form that was opened afterwards is saved, and may be sent twice."""
    csrf = fields_of((await browser.get(URL)).text)["csrf"]

    async def opened() -> dict[str, str]:
        page = await browser.post(f"{URL}/edit", data={"csrf": csrf, "reason": "a look"})
        return fields_of(page.text) | {"reason": "a test", "payload": '{"name": "Ada", "email": "ann@example.com"}'}

    form = await opened()
    edits.edit(engine, MINE.number, named("Bob"), BOB, dry_run=False)
    for act in ("check", "save"):
        refused = await browser.post(f"{URL}/edits", data=form | {"act": act})
        assert refused.status_code == 422
        assert fields_of(refused.text)["payload"] == form["payload"]
    assert name_in_force(engine) == "Bob"
    form = await opened() | {"act": "save"}
    assert [(await browser.post(f"{URL}/edits", data=form)).status_code for _ in range(2)] == [303, 303]
    assert name_in_force(engine) == "Ada"


async def test_a_revert_does_not_replace_an_edit_that_its_author_has_not_seen(
    browser: httpx.AsyncClient, engine: Engine
) -> None:
    """A button that goes back to an earlier edit, on a page from before another operator's edit, changes nothing."""
    edits.edit(engine, MINE.number, named("Cid"), BOB, dry_run=False)
    form = fields_of((await browser.get(URL)).text)
    edits.edit(engine, MINE.number, named("Bob"), BOB, dry_run=False)
    assert (await browser.post(f"{URL}/revert", data=form)).status_code == 409
    assert name_in_force(engine) == "Bob"
    form = fields_of((await browser.get(URL)).text)
    assert [(await browser.post(f"{URL}/revert", data=form)).status_code for _ in range(2)] == [303, 303]
    assert name_in_force(engine) == "Ann"
