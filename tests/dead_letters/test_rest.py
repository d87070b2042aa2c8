"""The operator's queries and decisions over HTTP, against real stores."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from holdfast.shared.queue.build import build
from holdfast.shared.queue.names import DEAD, OPERATION, WRITERS
from tests import keys, letters, processes
from tests.client import fetch
from tests.conftest import empty
from tests.servers import Database, RedisServer, wait_until
from tests.users import EMAILS


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """A dlq_admin on the shared servers, with a limit of 50 letters per call."""
    with redis_server.client() as redis:
        redis.flushall()
    service = processes.dlq_admin(
        tmp_path_factory.mktemp("dlq"), redis_server.address, database.dsn, HOLDFAST_DLQ_BULK_MAX="50"
    ).start()
    yield service
    service.kill()


class Desk:
    """An operator's requests to dlq_admin."""

    def __init__(self, service: processes.Service, redis_server: RedisServer) -> None:
        self.service = service
        self._redis = redis_server
        self.http = service.client()

    def ask(self, method: str, path: str, key: str = keys.OPERATOR, **more: Any) -> httpx.Response:
        """Send one request with this key."""
        return self.http.request(method, path, headers=keys.bearer(key), **more)

    def data(self, method: str, path: str, key: str = keys.OPERATOR, **more: Any) -> Any:
        """Return the data of a request that has to succeed."""
        answer = self.ask(method, path, key, **more)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"], answer.text
        return answer.json()["data"]

    def bury(self, count: int, **about: Any) -> list[str]:
        """Put dead letters on the stream, wait until they are indexed, and return their ids."""
        with self._redis.client() as client:
            ids = [client.xadd(DEAD, letters.fields(**about)).decode() for _ in range(count)]
            wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
        return ids


@pytest.fixture
def desk(service: processes.Service, redis_server: RedisServer, database: Database) -> Iterator[Desk]:
    """A desk on an empty table."""
    with redis_server.client() as redis:
        wait_until(lambda: redis.xlen(DEAD) == 0, what="indexed")
        redis.delete(EMAILS, WRITERS)
    empty(database)
    desk = Desk(service, redis_server)
    yield desk
    desk.http.close()


def test_groups_tell_what_fails_since_when_for_whom_and_whether_it_is_fixed(
    desk: Desk, redis_server: RedisServer
) -> None:
    """Groups are listed with the newest failure first, and say whether the running build differs from those that
    failed."""
    first = desk.bury(3, user_id="u-1")
    [other] = desk.bury(1, code="1366", build=build())
    with redis_server.client() as client:
        client.hset(WRITERS, "writer-1", f"{int(time.time())} {build()}")
    newest, oldest = desk.data("GET", "/dlq/groups", keys.VIEWER)
    assert (newest["code"], newest["counts"]["dead"], newest["last_id"]) == ("1366", 1, other)
    assert (oldest["counts"]["dead"], oldest["affected_entities"], oldest["last_id"]) == (3, 1, first[-1])
    assert oldest["failed_builds"] == [{"build": "0.1.0+a", "letters": 3}]
    assert sum(oldest["trend"]["letters"]) == 3
    wait_until(lambda: desk.data("GET", "/dlq/groups")[0]["fix"]["changed"] == "no", what="the writer is known")
    assert desk.data("GET", f"/dlq/groups/{oldest['fingerprint']}")["fix"]["changed"] == "yes"
    page = desk.ask("GET", "/dlq/groups?limit=1").json()
    cursor = page["meta"]["next_cursor"]
    rest = desk.ask("GET", f"/dlq/groups?limit=1&cursor={cursor}").json()
    assert [one["code"] for one in page["data"] + rest["data"]] == ["1366", "1406"]
    assert rest["meta"]["next_cursor"] is None
    assert desk.ask("GET", f"/dlq/groups/{'0' * 16}").json()["error"]["code"] == "GROUP_NOT_FOUND"


def test_one_letter_whole_masked_until_somebody_says_why(desk: Desk) -> None:
    """Viewers see no personal data; revealing a letter shows all of it, and is in the letter's audit with actor and
    reason."""
    operation, user = str(uuid.uuid4()), str(uuid.uuid4())
    more = {b"secret\xff": b"\xfe", b"traceparent": b"00-1"}
    [letter_id] = desk.bury(1, operation_id=operation, user_id=user, name="Ottilie", original=more)
    answer = desk.ask("GET", f"/dlq/letters/{letter_id}", keys.VIEWER)
    data = answer.json()["data"]
    assert "ttilie" not in answer.text
    assert (data["masked"], data["payload"]["name"], data["operation_id"]) == (True, "O•••", operation)
    assert {"name": "traceparent", "value": "00-1"} in data["original"]
    assert data["attempts_made"][0]["traceback"] == letters.TRACEBACK
    assert data["undecodable"] is None
    data = desk.data("GET", f"/dlq/letters/{letter_id}", params={"reveal": "the customer calls"})
    assert data["payload"] == {"name": "Ottilie", "email": "ottilie@example.com"}
    assert {"name": {"base64": "c2VjcmV0/w=="}, "value": {"base64": "/g=="}} in data["original"]
    [entry] = data["lineage"]["audit"]
    assert (entry["actor"], entry["action"], entry["reason"]) == (keys.OPERATOR, "reveal", "the customer calls")
    assert desk.ask("GET", "/dlq/letters/1764000000000-1").json()["error"]["code"] == "LETTER_NOT_FOUND"


def test_the_user_s_row_is_beside_it(desk: Desk, database: Database) -> None:
    """A letter shows the current row of its user, to compare with what a replay would change."""
    user = str(uuid.uuid4())
    with database.connect() as connection, connection.cursor() as cursor:
        row = (user, "Bo", 5, "bo@example.com", "bo@example.com", 5, 5, 0)
        cursor.execute("INSERT INTO users VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", row)
    [letter_id] = desk.bury(1, user_id=user)
    data = desk.data("GET", f"/dlq/letters/{letter_id}")["entity"]
    assert (data["fields"]["name"]["value"], data["version"], data["visible"]) == ("•••", 5, True)


def test_discard_needs_the_count_and_comes_back(desk: Desk, redis_server: RedisServer) -> None:
    """A discard has a dry run, needs the letters' count, is recorded, and releases the claimed address; a restore
    undoes it."""
    user, operation = str(uuid.uuid4()), str(uuid.uuid4())
    [mine] = desk.bury(1, user_id=user, operation_id=operation, name="Cy")
    desk.bury(4, name="Di")
    with redis_server.client() as client:
        client.hset(EMAILS, "cy@example.com", f"{user} {operation}")
        client.hset(EMAILS, "di@example.com", "somebody else")
    wish: dict[str, Any] = {"selection": {"filter": {"code": "1406"}}, "reason": "test data"}
    dry = desk.data("POST", "/dlq/discards", json=wish | {"dry_run": True})
    assert (dry["count"], dry["dry_run"], sum(dry["groups"].values()), dry["sample"][0]) == (5, True, 5, mine)
    wrong = desk.ask("POST", "/dlq/discards", json=wish | {"expected_count": 4})
    assert (wrong.status_code, wrong.json()["error"]["details"]["actual_count"]) == (409, 5)
    assert desk.ask("POST", "/dlq/discards", json=wish).json()["error"]["code"] == "INVALID_BODY"
    assert len(desk.data("GET", "/dlq/letters?state=dead")) == 5
    done = desk.data("POST", "/dlq/discards", json=wish | {"expected_count": 5})
    assert len(desk.data("GET", "/dlq/letters?state=discarded")) == 5
    [record] = desk.data("GET", "/dlq/audit", keys.VIEWER)
    assert (record["id"], record["letters"], record["reason"]) == (done["audit_id"], 5, "test data")
    assert record["request_id"].startswith("req_")
    with redis_server.client() as client:
        wait_until(lambda: client.hgetall(EMAILS) == {b"di@example.com": b"somebody else"}, what="let go of")
        back = {"selection": {"ids": [mine]}, "reason": "a mistake", "expected_count": 1}
        desk.data("POST", "/dlq/restores", json=back)
        wait_until(lambda: client.hexists(EMAILS, "cy@example.com"), what="claimed again")
    data = desk.data("GET", f"/dlq/letters/{mine}")
    assert (data["state"], [entry["action"] for entry in data["lineage"]["audit"]]) == ("dead", ["discard", "restore"])


def test_more_than_one_call_may_change_is_refused(desk: Desk) -> None:
    """A selection of more than one call may change is refused, even with the right count."""
    desk.bury(51)
    wish = {"selection": {"filter": {}}, "reason": "all of it", "expected_count": 51}
    answer = desk.ask("POST", "/dlq/discards", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "SELECTION_TOO_LARGE")


def test_what_is_exported_can_be_brought_back(desk: Desk, database: Database) -> None:
    """An export can be imported byte by byte, once; a broken line, a different letter of the same id or a wrong count
    imports nothing."""
    ids = desk.bury(450, original={b"\xff": b"\x00"})
    export = desk.ask("GET", "/dlq/export", params={"why": "to the other site", "code": "1406"})
    assert export.headers["content-type"].startswith("application/x-ndjson")
    lines = export.text.splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == ids[::-1]
    empty(database)
    where = {"why": "from the other site"}
    broken = desk.ask("POST", "/dlq/import", keys.ADMIN, params=where | {"expected_count": 2},
                      content="\n".join([lines[0], lines[1][:-5]]))  # fmt: skip
    assert (broken.status_code, broken.json()["error"]["details"]["field"]) == (422, "line 2")
    dry = desk.data("POST", "/dlq/import", keys.ADMIN, params=where | {"dry_run": True}, content=export.content)
    assert (dry["new"], dry["dry_run"]) == (450, True)
    wrong = desk.ask("POST", "/dlq/import", keys.ADMIN, params=where | {"expected_count": 9}, content=export.content)
    assert wrong.status_code == 409
    assert desk.data("GET", "/dlq/letters") == []
    for new, known in ((450, 0), (0, 450)):
        came = desk.data("POST", "/dlq/import", keys.ADMIN, params=where | {"expected_count": new},
                         content=export.content)  # fmt: skip
        assert (came["new"], came["known"]) == (new, known)
    again = desk.ask("GET", "/dlq/export", params={"why": "the proof"})
    assert again.content == export.content
    other = orjson.dumps(orjson.loads(lines[0]) | {"original": [["payload", "forged"]]})
    forged = desk.ask("POST", "/dlq/import", keys.ADMIN, params=where | {"expected_count": 0}, content=other)
    assert forged.json()["error"]["code"] == "LETTER_DIFFERS"
    wait_until(lambda: _ledger(desk).get("imported") == 450, what="the auditor has looked")
    assert _ledger(desk)["missing"] == 0


def _ledger(desk: Desk) -> dict[str, Any]:
    """Return the ledger of the overview, empty while it is unknown."""
    return desk.data("GET", "/dlq/overview")["ledger"] or {}


def test_a_note_is_kept_and_shown(desk: Desk) -> None:
    """A note on a group is kept as it was written, with its author's name."""
    desk.bury(1)
    [group] = desk.data("GET", "/dlq/groups")
    data = desk.data("PUT", f"/dlq/groups/{group['fingerprint']}/note", json={"text": "<script>alert(1)</script>"})
    assert (data["note"]["text"], data["note"]["author"]) == ("<script>alert(1)</script>", keys.OPERATOR)


@pytest.mark.parametrize(
    "query",
    ["state=gone", "cursor=1", "cursor=9999999999999-0", "limit=0", "limit=501", "user_id=%C3%A9", "from=yesterday",
     "fingerprint=x", "unknown=1", "operation_id=%00", "text="],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(desk: Desk, query: str) -> None:
    """An invalid query is a 422 that names the field."""
    answer = desk.ask("GET", f"/dlq/letters?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("path", "cursor"),
    [("letters", "5"), ("letters", "1764000000123-4_0123456789abcdef"), ("groups", "1764000000123-4"),
     ("groups", "x" * 61), ("groups", "1764000000123-4_"), ("audit", "1764000000123-4"), ("audit", "+5"),
     ("replays", "1764000000123-4"), ("replays", "0"), ("replays/1/items", "-1")],
)  # fmt: skip
def test_a_cursor_of_another_list_is_refused_as_a_cursor(desk: Desk, path: str, cursor: str) -> None:
    """Every list refuses a cursor of another list with the same error."""
    answer = desk.ask("GET", f"/dlq/{path}", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_CURSOR"), answer.text
    constraint = "must be a meta.next_cursor of the same list"
    assert answer.json()["error"]["details"] == {"field": "cursor", "value": cursor[:64], "constraint": constraint}


def test_a_cursor_that_one_list_gave_is_refused_by_every_other(desk: Desk) -> None:
    """A cursor works with its own list only, and every other list and the payload search, which has it in the body,
    refuses it."""
    for code in ("1366", "1406"):
        ids = desk.bury(2, code=code)
        for each in ids:
            wish = {"selection": {"ids": [each]}, "reason": "a test", "expected_count": 1}
            made = desk.data("POST", "/dlq/replays", json=wish)
    wish = {"selection": {"ids": desk.bury(2)}, "reason": "a test", "expected_count": 2}
    desk.data("POST", "/dlq/replays", json=wish)
    two = desk.data("GET", "/dlq/replays?limit=1")[0]["id"]
    paths = ["letters", "groups?every=true", "audit", "replays", f"replays/{two}/items"]
    pages = {path: desk.ask("GET", f"/dlq/{path}", params={"limit": 1}).json() for path in paths}
    assert two != made["id"]
    cursors = {path: page["meta"]["next_cursor"] for path, page in pages.items()}
    cursors["search"] = desk.data("POST", "/dlq/search", json={"text": "Ann", "limit": 1})["next_cursor"]

    def follow(path: str, cursor: Any) -> tuple[int, str | None]:
        if path == "search":
            answer = desk.ask("POST", "/dlq/search", json={"text": "Ann", "limit": 1, "cursor": cursor})
        else:
            joined = "&" if "?" in path else "?"
            answer = desk.ask("GET", f"/dlq/{path}{joined}cursor={cursor}")
        return answer.status_code, (answer.json()["error"] or {}).get("code") if answer.status_code != 200 else None

    for of, cursor in cursors.items():
        assert {path: follow(path, cursor) for path in cursors} == {
            path: (200, None) if path == of else (422, "INVALID_CURSOR") for path in cursors
        }, of
    for odd in (5, "5", {}, "x" * 300, ""):
        assert follow("search", odd) == (422, "INVALID_CURSOR"), odd
    for replay in desk.data("GET", "/dlq/replays"):
        desk.data("POST", f"/dlq/replays/{replay['id']}/recall", json={"reason": "a test"})
    ended = {"state": "recalled", "limit": 5}
    wait_until(lambda: len(desk.data("GET", "/dlq/replays", params=ended)) == 5, what="nothing is on the queue")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"selection": {}, "reason": "why", "expected_count": 1}',
     b'{"selection": {"ids": ["1"]}, "reason": "why", "expected_count": 1}',
     b'{"selection": {"ids": ["1-1"], "fingerprint": "0123456789abcdef"}, "reason": "why", "expected_count": 1}',
     b'{"selection": {"filter": {}}, "reason": "", "expected_count": 1}',
     b'{"selection": {"filter": {"user_id": "\\ud800"}}, "reason": "why", "expected_count": 1}'],
)  # fmt: skip
def test_a_body_that_makes_no_sense_is_refused(desk: Desk, body: bytes) -> None:
    """Any invalid body of a decision is a 400 or 422."""
    assert desk.ask("POST", "/dlq/discards", content=body).status_code in (400, 422)


def test_the_overview_tells_all_in_one_look(desk: Desk) -> None:
    """The overview has the letters, the backlog, the ledger, the breakers, and what is kept for how long."""
    desk.bury(2)
    data = desk.data("GET", "/dlq/overview", keys.VIEWER)
    assert (data["letters"]["dead"], data["letters"]["dying_groups"], data["waiting"]) == (2, 1, 0)
    assert data["backlog"] == {"depth": 0, "oldest_age_s": 0.0}
    wait_until(lambda: _ledger(desk).get("dead_lettered") == 2, what="the auditor has looked")
    assert data["retention"]["discarded"]["keep_days"] is None
    assert sum(data["trend"]["letters"]) == 2
    assert data["banner"] is None
    wait_until(lambda: desk.data("GET", "/dlq/overview")["breakers"], what="the board is read")
    [own] = desk.data("GET", "/dlq/overview")["breakers"]  # the board includes the service's own breaker
    assert (own["service"], own["name"]) == ("dlq_admin", "database")


def test_the_api_tells_what_became_of_an_operation(
    desk: Desk, redis_server: RedisServer, database: Database, tmp_path: Any
) -> None:
    """The api reports an operation as dead_lettered before and after indexing, then as discarded, and as dead_lettered
    again."""
    operation, user = str(uuid.uuid4()), str(uuid.uuid4())
    with redis_server.client() as client:
        client.hset(OPERATION + operation, mapping={"user": user, "version": 1764000000000001, "command": "CreateUser"})
    api = processes.api(tmp_path, redis_server.address, database.dsn).start()
    try:

        def status() -> str:
            return str(fetch("GET", f"{api.url}/operations/{operation}").json()["data"]["status"])

        assert status() == "queued"
        with redis_server.client() as client:
            wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
            letter = letters.fields(operation_id=operation, user_id=user)
            script = "local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV)) "
            script += "redis.call('HSET', KEYS[2], 'status', 'dead_lettered', 'letter', id) return id"
            flat = [part for field in letter.items() for part in field]
            letter_id = client.eval(script, 2, DEAD, OPERATION + operation, *flat).decode()
            wait_until(lambda: not client.exists(OPERATION + operation), what="indexed")
        assert status() == "dead_lettered"
        wish = {"selection": {"ids": [letter_id]}, "reason": "not wanted", "expected_count": 1}
        desk.data("POST", "/dlq/discards", json=wish)
        assert status() == "discarded"
        desk.data("POST", "/dlq/restores", json=wish)
        assert status() == "dead_lettered"
    finally:
        api.kill()


def test_a_group_says_how_far_its_letters_are(desk: Desk) -> None:
    """A what-if of a whole group is known until an edit or a new letter changes the group, and edits are counted until
    they are reverted."""
    ids = [letter for name in ("Ann", "Bob", "Cleo") for letter in desk.bury(1, name=name)]
    fingerprint = desk.data("GET", f"/dlq/letters/{ids[0]}")["fingerprint"]
    selection = {"fingerprint": fingerprint}

    def standing() -> Any:
        return desk.data("GET", f"/dlq/groups/{fingerprint}")["standing"]

    assert standing() == {
        "looked_at": 3,
        "edited": 0,
        "replay_id": None,
        "replay_state": None,
        "what_if": None,
        "suggested": [],
    }
    desk.data("POST", "/dlq/what-if", json={"selection": {"ids": ids[:2]}})
    assert standing()["what_if"] is None
    desk.data("POST", "/dlq/what-if", json={"selection": selection})
    assert (standing()["what_if"]["count"], standing()["what_if"]["verdicts"]) == (3, {"would_apply": 3})
    edit = {"reason": "a test", "patch": [{"op": "replace", "path": "/payload/name", "value": "Dora"}]}
    desk.data("POST", f"/dlq/letters/{ids[0]}/edits", json=edit)
    assert standing() == {
        "looked_at": 3,
        "edited": 1,
        "replay_id": None,
        "replay_state": None,
        "what_if": None,
        "suggested": [],
    }
    desk.data("POST", "/dlq/what-if", json={"selection": selection})
    assert standing()["what_if"]["count"] == 3
    desk.data("POST", f"/dlq/letters/{ids[0]}/revert", json={"reason": "a test", "to": 0})
    assert (standing()["edited"], standing()["what_if"]) == (0, None)
    desk.data("POST", "/dlq/what-if", json={"selection": selection})
    desk.bury(1)
    assert (standing()["looked_at"], standing()["what_if"]) == (4, None)


def test_the_letters_of_an_action_are_a_selection(desk: Desk) -> None:
    """The number of an action in the audit selects its letters, as long as they are in the requested state."""
    ids = desk.bury(3)
    wish = {"selection": {"ids": ids[:2]}, "reason": "a test", "expected_count": 2}
    entry = desk.data("POST", "/dlq/discards", json=wish)["audit_id"]
    back = {"selection": {"audit": entry}, "reason": "a test", "expected_count": 2}
    assert desk.data("POST", "/dlq/restores", json=back)["count"] == 2
    again = desk.data("POST", "/dlq/restores", json=back | {"dry_run": True})
    assert (again["count"], again["others"]) == (0, {"dead": 2})
    assert desk.data("POST", "/dlq/what-if", json={"selection": {"audit": entry + 1000}})["count"] == 0


def test_masked_payloads_are_searched_on_record(desk: Desk) -> None:
    """A viewer finds no letter by a personal field and may give no reason. An operator's search is in the audit with
    the letters found and without personal data, and they are a selection."""
    [found] = desk.bury(1, name="Ottilie")
    desk.bury(2)
    asked = {"text": "ttilie@EXAMPLE", "field": "email"}
    nothing = desk.data("POST", "/dlq/search", keys.VIEWER, json=asked)
    assert nothing == {"letters": [], "looked_through": 3, "next_cursor": None, "masked": True, "audit_id": 0}
    refused = desk.ask("POST", "/dlq/search", keys.VIEWER, json=asked | {"reason": "I am curious"})
    assert refused.status_code == 403
    result = desk.data("POST", "/dlq/search", json=asked | {"reason": "the customer calls"})
    assert ([one["id"] for one in result["letters"]], result["masked"]) == ([found], False)
    entries = desk.data("GET", "/dlq/audit?action=search")
    assert "ttilie" not in json.dumps(entries)
    [entry] = entries
    assert (entry["id"], entry["letters"], entry["reason"]) == (result["audit_id"], 1, "the customer calls")
    assert (entry["details"]["text"], entry["details"]["searched"]) == ("t•••", 3)
    assert desk.data("POST", "/dlq/what-if", json={"selection": {"audit": entry["id"]}})["count"] == 1
    [seen] = desk.data("GET", f"/dlq/letters/{found}")["lineage"]["audit"]
    assert seen["action"] == "search"
