"""A resource that is declared in one file keeps every promise: its life cycle, its conflicts, its failures and its
outages."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from holdfast.services.api.candidate import Candidate
from holdfast.shared.queue.names import DEAD
from holdfast.shared.writes.commands import Create
from tests.articles import Article
from tests.client import WAIT
from tests.conftest import ROOT
from tests.own_resource.conftest import System
from tests.servers import Server, wait_until

#: A text with several lines, a tab, and letters of two and of four bytes.
LONG = ("Ein Satz\tmit Umlaut: ä \U0001f600\n" * 3000)[:65_536]


def article(slug: str = "", **fields: Any) -> dict[str, Any]:
    """Return an article with an address of its own."""
    return {"slug": slug or f"a-{uuid.uuid4().hex}", "title": "On failing well", "body": "First.\nSecond."} | fields


def create(system: System, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Write an article, and return its path and its fields."""
    sent = article(**fields)
    answer = system.api.post("/articles", json=sent)
    assert system.ended(answer)["status"] == "applied"
    return answer.json()["meta"].get("article") or answer.headers["location"], sent


def test_its_life(system: System) -> None:
    """An article with a text of 64 KiB is created, read before and after it is written, found by its address, listed,
    replaced, changed in part, and deleted."""
    sent = article(body=LONG, published_at="2026-01-15T11:30:00+01:00")
    answer = system.api.post("/articles", json=sent)
    path = answer.json()["meta"]["article"]
    assert path == f"/articles/{answer.json()['data']['id']}"
    wanted = sent | {"published_at": "2026-01-15T10:30:00.000000Z"}
    assert system.data("GET", path).items() >= wanted.items(), "it reads its own queued write"
    operation = system.ended(answer)
    assert (operation["command"], operation["status"], operation["article_id"]) == (
        "CreateArticle", "applied", answer.json()["data"]["id"],
    )  # fmt: skip
    whole = system.data("GET", path)
    assert whole.items() >= wanted.items()
    assert operation["article_version"] == whole["version"]
    assert system.data("GET", "/articles", params={"slug": sent["slug"]}) == [whole]
    assert whole in system.data("GET", "/articles", params={"limit": 200})
    assert system.data("GET", "/users") == []

    other = article(sent["slug"], title="Another")
    assert system.ended(system.api.put(path, json=other))["status"] == "applied"
    assert system.data("GET", path)["published_at"] is None, "what a whole one leaves out is null"
    changed = system.data("PATCH", path, json={"published_at": "2026-02-01T00:00:00Z"}, headers=WAIT)
    assert (changed["published_at"], changed["title"]) == ("2026-02-01T00:00:00.000000Z", "Another")
    assert system.data("PATCH", path, json={"published_at": None}, headers=WAIT)["published_at"] is None
    assert system.data("DELETE", path, headers=WAIT)["status"] == "applied"
    gone = system.error("GET", path, 404)
    assert (gone["code"], gone["message"]) == ("ARTICLE_NOT_FOUND", "There is no article with this id.")
    with system.cache.client() as cache:
        wait_until(
            lambda: sent["slug"].encode() not in b"".join(cache.mget(cache.keys("holdfast:cache:article:*"))),
            what="no copy has it",
        )


@pytest.mark.parametrize(
    ("fields", "code", "constraint"),
    [
        ({"slug": "Not a slug"}, "INVALID_SLUG", "must be 1 to 100 lower-case letters and digits"),
        ({"title": "x" * 201}, "INVALID_TITLE", "must be 1 to 200 characters"),
        ({"body": "x" * 65_537}, "INVALID_BODY", "must be 1 to 65536 characters"),
        ({"title": None}, "INVALID_TYPE", "must not be null"),
        ({"published_at": "yesterday"}, "INVALID_PUBLISHED_AT", "must be a time such as"),
        ({"published_at": 5}, "INVALID_TYPE", "must be a string"),
        ({"email": "x@example.com"}, "UNKNOWN_FIELD", "is not a known field"),
    ],
)
def test_what_may_not_be_is_refused_by_field(
    system: System, fields: dict[str, Any], code: str, constraint: str
) -> None:
    """An invalid field is refused in the words of its declaration."""
    error = system.error("POST", "/articles", 422, json=article(**fields))
    assert (error["code"], error["details"]["field"]) == (code, next(iter(fields)))
    assert error["details"]["constraint"].startswith(constraint)


def test_two_of_one_address(system: System) -> None:
    """A second article with the same address is refused at once while the first is being written, and is rejected
    afterwards; the address is free again when the first is deleted."""
    slug = f"a-{uuid.uuid4().hex}"
    with system.queue.client() as redis:  # as if a write were in flight
        redis.hset("{holdfast}:articles.slug", slug, f"{uuid.uuid4()} {uuid.uuid4()}")
        error = system.error("POST", "/articles", 409, json=article(slug))
        redis.delete("{holdfast}:articles.slug")
    assert (error["code"], error["message"]) == ("SLUG_TAKEN", "Another one of the articles has this slug.")
    assert error["details"] == {"field": "slug", "value": slug, "constraint": "must be unique"}

    path, _ = create(system, slug=slug)
    other, _ = create(system)
    for method, at, sent in (("POST", "/articles", article(slug)), ("PATCH", other, {"slug": slug})):
        late = system.ended(system.api.request(method, at, json=sent))
        assert (late["status"], late["error"]["code"]) == ("rejected", "SLUG_TAKEN")
    assert system.data("DELETE", path, headers=WAIT)["status"] == "applied"
    assert system.data("PATCH", other, json={"slug": slug}, headers=WAIT)["slug"] == slug


def test_a_look_up_is_cleaned_as_a_value_is(system: System) -> None:
    """A value to look up is normalized like a stored one, so that the typed form finds its article, and an impossible
    value finds none."""
    _, sent = create(system)
    for typed in (sent["slug"], f" {sent['slug']} "):
        assert [each["slug"] for each in system.data("GET", "/articles", params={"slug": typed})] == [sent["slug"]]
    create(system, doi="\u00e9-1")
    assert [each["doi"] for each in system.data("GET", "/articles", params={"doi": "e\u0301-1"})] == ["\u00e9-1"]
    assert system.data("GET", "/articles", params={"slug": "No slug"}) == []


def test_more_than_fits_into_a_packet_is_applied_together(system: System) -> None:
    """A batch of the longest texts is applied even though it is larger than a packet that the database accepts (16 MiB
    on MariaDB)."""
    body = "\U0001f600" * 65_536
    batch = [
        Candidate(str(uuid.uuid4()), str(uuid.uuid4()), Create(Article.type, article(body=body))) for _ in range(70)
    ]
    assert sum(len(each.payload) for each in batch) > 16 * 2**20
    system.stream.accept(batch)
    wait_until(lambda: system.stream.backlog() == 0, what="all are applied")
    assert system.stream.dead() == []
    assert system.data("GET", f"/articles/{batch[-1].entity_id}")["body"] == body


def test_poison_is_looked_at_edited_and_sent_again(system: System) -> None:
    """A dead letter is shown in the words of the resource with private fields masked. What-if, edit and replay work,
    and the ledger balances."""
    slug, operation, id = f"a-{uuid.uuid4().hex}", str(uuid.uuid4()), str(uuid.uuid4())
    payload = {"slug": slug, "title": "", "body": "a secret"}
    with system.queue.client() as redis:
        version = int(redis.time()[0]) * 1_000_000
    system.stream.add_raw({
        "schema": "2", "resource": "articles", "command": "CreateArticle", "operation_id": operation, "entity_id": id,
        "version": str(version), "payload": json.dumps(payload),
    })  # fmt: skip
    wait_until(lambda: system.stream.backlog() == 0, what="it is dead")
    with system.queue.client() as redis:
        wait_until(lambda: redis.xlen(DEAD) == 0, what="it is indexed")
    [letter] = system.operator("GET", "/dlq/letters", params={"operation_id": operation})
    assert (letter["resource"], letter["entity_id"], letter["command"]) == ("articles", id, "CreateArticle")
    whole = system.operator("GET", f"/dlq/letters/{letter['id']}")
    assert whole["undecodable"].startswith(
        "payload is not a CreateArticle: title: must be 1 to 200 characters, at least one of"
    )
    assert (whole["payload"]["slug"], "secret" in json.dumps(whole)) == (slug, False)
    selection = {"ids": [letter["id"]]}
    verdict = system.operator("POST", "/dlq/what-if", json={"selection": selection})
    assert verdict["verdicts"] == {"undecodable": 1}
    mended = {"payload": payload | {"title": "Mended"}, "reason": "a test"}
    edited = system.operator("POST", f"/dlq/letters/{letter['id']}/edits", json=mended)
    assert edited["changed"]
    assert system.operator("POST", "/dlq/what-if", json={"selection": selection})["verdicts"] == {"would_apply": 1}
    wish = {"selection": selection, "reason": "a test", "expected_count": 1, "stop": {"breaker": False}}
    replay = system.operator("POST", "/dlq/replays", json=wish)
    wait_until(
        lambda: system.operator("GET", f"/dlq/replays/{replay['id']}")["state"] == "done", what="it is sent again"
    )
    assert system.data("GET", f"/articles/{id}").items() >= {"title": "Mended", "body": "a secret"}.items()
    wait_until(lambda: (system.operator("GET", "/ledger") or {}).get("missing") == 0, what="the ledger balances")


def is_fresh(answer: httpx.Response) -> bool:
    """Return whether the answer came from the database."""
    return answer.status_code == 200 and "x-degraded" not in answer.headers


#: How a store fails, and how it recovers.
OUTAGES = pytest.mark.parametrize(
    ("lose", "find"),
    [
        pytest.param(Server.kill, lambda server: server.start(), id="killed"),
        pytest.param(Server.freeze, Server.thaw, id="hanging"),
    ],
)
Lose = Callable[[Server], None]


@OUTAGES
def test_the_database_goes_and_comes(system: System, lose: Lose, find: Lose) -> None:
    """Without the database, an article and a list are served as marked copies, and writes are accepted; they are
    applied when the database is back."""
    path, sent = create(system)
    with system.cache.client() as cache:
        wait_until(lambda: cache.exists(f"holdfast:cache:{path[1:].replace('s/', ':')}"), what="copied")
    system.eventually(is_fresh, f"/articles?slug={sent['slug']}")
    lose(system.database)
    copy = system.eventually(lambda answer: "x-degraded" in answer.headers, path).json()
    known = copy["data"]
    assert known.items() >= sent.items()
    found = system.eventually(lambda answer: "x-degraded" in answer.headers, f"/articles?slug={sent['slug']}").json()
    assert found["data"] == [known]
    wait_until(
        lambda: system.api.patch(path, json={"title": "While it was away"}).status_code == 202, what="it is queued"
    )
    find(system.database)
    assert system.eventually(
        lambda read: is_fresh(read) and read.json()["data"]["title"] == "While it was away", path
    )  # fmt: skip


@OUTAGES
def test_the_queue_goes_and_comes(system: System, lose: Lose, find: Lose) -> None:
    """Without the queue, writes go to the database, and a conflict of addresses is refused in the same words as by the
    queue."""
    path, sent = create(system)
    lose(system.queue)
    direct: list[httpx.Response] = []

    def written() -> bool:
        direct.append(system.api.post("/articles", json=article()))
        return direct[-1].status_code == 201

    wait_until(written, what="a write goes to the database")
    assert direct[-1].json()["meta"]["way"] == "direct"
    assert direct[-1].headers["location"].startswith("/articles/")
    refused: list[httpx.Response] = []

    def definite() -> bool:
        """Return whether the refusal is definite, which it is not while the queue may still have the write."""
        refused.append(system.api.post("/articles", json=article(sent["slug"])))
        return refused[-1].status_code == 409

    wait_until(definite, what="the conflict is found")
    error = refused[-1].json()["error"]
    assert error["code"] == "SLUG_TAKEN"
    assert error["details"] == {"field": "slug", "value": sent["slug"], "constraint": "must be unique"}
    assert system.eventually(is_fresh, path)
    find(system.queue)
    wait_until(lambda: system.api.patch(path, json={"title": "New"}).status_code == 202, what="the queue is back")


@OUTAGES
def test_the_cache_goes_and_comes(system: System, lose: Lose, find: Lose) -> None:
    """Without the cache, no request is refused."""
    path, sent = create(system)
    lose(system.cache)
    assert system.data("GET", path).items() >= sent.items()
    assert system.data("GET", "/articles", params={"slug": sent["slug"]})[0].items() >= sent.items()
    find(system.cache)
    with system.cache.client() as cache:

        def copied() -> bool:
            system.api.get(path)
            return bool(cache.exists(f"holdfast:cache:{path[1:].replace('s/', ':')}"))

        wait_until(copied, what="copied again")


def test_what_it_is_called_is_documented(system: System) -> None:
    """The OpenAPI document has the resource's components, routes and errors."""
    document = system.api.get("/openapi.json").json()
    assert {"Article", "ArticleBody", "ArticlePatch", "User"} <= document["components"]["schemas"].keys()
    assert document["components"]["schemas"]["ArticleBody"]["required"] == ["slug", "title", "body"]
    assert {"/articles", "/articles/{article_id}", "/users"} <= document["paths"].keys()
    assert "SLUG_TAKEN" in json.dumps(document["paths"]["/articles"]["post"]["responses"]["409"])


def test_no_other_file_names_it() -> None:
    """No other source file names the resource: its declaration is all that it needs."""
    named = re.compile(r"\b[Aa]rticles?\b")
    files = [file for folder in ("shared", "services", "deploy") for file in (ROOT / folder).rglob("*")]
    sources = [file for file in files if file.suffix in (".py", ".lua", ".yml")]
    assert len(sources) > 300
    assert [file for file in sources if named.search(file.read_text())] == []
