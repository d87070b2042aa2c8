"""The whole path: HTTP in, row out, and what a client sees of it."""

import httpx
import pytest

import holdfast_client as hc
from tests.client import WAIT, fetch
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.processes import Service
from tests.servers import Database, RedisServer, wait_until

pytestmark = pytest.mark.usefixtures("writer")


def create(api: httpx.Client, **fields: str) -> dict[str, str]:
    """Create a user, wait until the write is applied and return its data."""
    answer = api.post("/users", json=ADA | fields, headers=WAIT)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"])


def test_a_user_becomes_a_row(api: httpx.Client, database: Database) -> None:
    """A create that waits gets 201; the row is in the database, the user is readable, and the operation is applied."""
    answer = api.post("/users", json=ADA, headers=WAIT)
    data = answer.json()["data"]
    assert (answer.status_code, answer.headers["location"]) == (201, f"/users/{data['id']}")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name, email FROM users WHERE id = %s", (data["id"],))
        assert cursor.fetchone() == ("Ada", "ada@example.com")
    read = api.get(f"/users/{data['id']}")
    assert read.json()["meta"]["pending"] is False
    assert read.headers["etag"] == answer.headers["etag"]
    operation = api.get(f"/operations/{data['operation_id']}").json()["data"]
    assert (operation["status"], operation["done"]) == ("applied", True)


def test_without_waiting_the_operation_tells_the_end(api: httpx.Client) -> None:
    """A create that does not wait gets a location whose operation becomes `applied`."""
    location = api.post("/users", json=ADA).headers["location"]
    wait_until(lambda: api.get(location).json()["data"]["status"] == "applied", what="applied")


def test_replace_update_delete(api: httpx.Client) -> None:
    """A replace, update or delete that waits gets 200, and the next read shows its effect."""
    path = f"/users/{create(api)['id']}"
    assert api.put(path, json={"name": "Ada King", "email": "king@example.com"}, headers=WAIT).status_code == 200
    assert api.patch(path, json={"name": "Lovelace"}, headers=WAIT).json()["data"]["name"] == "Lovelace"
    assert api.get(path).json()["data"]["email"] == "king@example.com"
    assert api.delete(path, headers=WAIT).status_code == 200
    assert api.get(path).status_code == 404
    assert api.patch(path, json={"name": "Nobody"}, headers=WAIT).status_code == 404


def test_a_taken_address_is_rejected_on_the_operation(api: httpx.Client) -> None:
    """A taken address gets 409 if the request waits; otherwise the operation is rejected with the reason."""
    create(api)
    refused = api.post("/users", json={"name": "Eve", "email": "ADA@example.com"}, headers=WAIT)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "EMAIL_TAKEN")
    location = api.post("/users", json={"name": "Eve", "email": "ada@EXAMPLE.com"}).headers["location"]
    wait_until(lambda: api.get(location).json()["data"]["done"], what="done")
    operation = api.get(location).json()["data"]
    assert (operation["status"], operation["error"]["code"]) == ("rejected", "EMAIL_TAKEN")


def test_an_address_let_go_of_can_be_taken(api: httpx.Client) -> None:
    """An address becomes available again after its user is deleted or changes address."""
    first = create(api)
    api.patch(f"/users/{first['id']}", json={"email": "new@example.com"}, headers=WAIT)
    second = create(api, name="Eve")
    api.delete(f"/users/{second['id']}", headers=WAIT)
    create(api, name="Mallory")


def test_an_address_is_found_however_it_is_typed(api: httpx.Client) -> None:
    """A lookup finds an address with its domain in ASCII, in capitals and decomposed, and keeps a domain with `ss`
    apart from the same domain with `ß`."""
    sharp = create(api, email="José@Straße.example")["id"]
    double = create(api, email="José@strasse.example")["id"]
    for typed in ("jose\u0301@XN--STRAE-OQA.example", "JOSÉ@straße.EXAMPLE", " José@Straße.example "):
        assert [user["id"] for user in api.get("/users", params={"email": typed}).json()["data"]] == [sharp], typed
    assert [user["id"] for user in api.get("/users", params={"email": "josé@STRASSE.example"}).json()["data"]] == [
        double
    ]
    again = api.post("/users", json={"name": "Eve", "email": "josé@xn--strae-oqa.example"}, headers=WAIT)
    assert (again.status_code, error_of(again)["code"]) == (409, "EMAIL_TAKEN")


def test_if_match_is_honoured_when_it_is_applied(api: httpx.Client) -> None:
    """An update with the current ETag in If-Match is applied, and one with an old ETag gets 412."""
    user = create(api)
    path = f"/users/{user['id']}"
    etag = api.get(path).headers["etag"]
    assert api.patch(path, json={"name": "Second"}, headers=WAIT | {"If-Match": etag}).status_code == 200
    late = api.patch(path, json={"name": "Third"}, headers=WAIT | {"If-Match": etag})
    assert (late.status_code, error_of(late)["code"]) == (412, "PRECONDITION_FAILED")
    assert api.get(path).json()["data"]["name"] == "Second"


def test_an_unchanged_user_is_not_sent_again(api: httpx.Client) -> None:
    """A read with a current ETag in If-None-Match gets 304 without a body."""
    path = f"/users/{create(api)['id']}"
    answer = api.get(path, headers={"If-None-Match": api.get(path).headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")


def test_the_second_fence_holds_when_redis_has_forgotten_the_key(
    api: httpx.Client, redis_server: RedisServer, database: Database
) -> None:
    """A retry with the same key, after Redis has lost the key's record, returns the first result and adds no
    operation."""
    headers = key() | WAIT
    first = api.post("/users", json=ADA, headers=headers)
    with redis_server.client() as redis:
        for record in redis.scan_iter("{holdfast}:key:*"):
            redis.delete(record)
    second = api.post("/users", json=ADA, headers=headers)
    assert (second.status_code, second.json()["data"]["id"]) == (201, first.json()["data"]["id"])
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM operations")
        assert cursor.fetchone() == (1,)


def test_the_list_is_paged_in_the_order_of_creation(api: httpx.Client) -> None:
    """The pages list every user once, oldest first, and the e-mail filter finds a user without regard to case."""
    ids = [create(api, name=f"User {n}", email=f"user{n}@example.com")["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get("/users", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [user["id"] for user in page["data"]]
        cursor = page["meta"]["next_cursor"]
    assert seen == ids
    found = api.get("/users", params={"email": "USER3@example.com"}).json()["data"]
    assert [user["id"] for user in found] == [ids[3]]
    assert api.get("/users", params={"email": "nobody@example.com"}).json()["data"] == []


def test_every_service_tells_its_health(api: httpx.Client, writer: Service) -> None:
    """The api and the writer both answer /livez, /readyz, /health and /metrics."""
    for base in (str(api.base_url), writer.url):
        for path in ("/livez", "/readyz", "/health", "/metrics"):
            assert fetch("GET", base.rstrip("/") + path).status_code == 200


def test_the_breakers_tell_their_state(api: httpx.Client) -> None:
    """The breaker status lists all breakers, and all are closed while every dependency works."""
    breakers = api.get("/circuit-breaker/status").json()["data"]["circuit_breakers"]
    assert {breaker["name"]: breaker["state"] for breaker in breakers} == {
        "database": "closed",
        "database_writes": "closed",
        "queue": "closed",
        "cache": "closed",
        "external_proxy": "closed",
        "cache_limits": "closed",
    }


def test_the_client_library_does_it_all(api: httpx.Client) -> None:
    """The client library covers writes that wait until they take effect, reads, pages, conditions, conflicts and
    deletes."""
    patient = hc.RetryPolicy(timeout_s=180, attempt_timeout_s=60, attempts_max=1000)
    with hc.Client(str(api.base_url), policy=patient, budget=hc.RetryBudget(1, 1000), verify=False) as holdfast:
        users = holdfast.users
        written = users.create(ADA, wait=True)
        again = users.create(ADA, key=written.idempotency_key)
        assert (again.id, again.operation_id, again.repeated) == (written.id, written.operation_id, True)
        ada = users.get(written.id)
        assert (written.status, ada.name, ada.email, ada.stale) == ("applied", "Ada", "ada@example.com", False)
        assert users.update(ada.id, {"name": "King"}, if_match=ada.version, wait=True).status == "applied"
        with pytest.raises(hc.HoldfastError) as raised:
            users.update(ada.id, {"name": "Late"}, if_match=ada.version, wait=True)
        assert raised.value.code == "PRECONDITION_FAILED"
        with pytest.raises(hc.HoldfastError) as raised:
            users.create(ADA, wait=True)
        assert raised.value.code == "EMAIL_TAKEN"
        eve = users.create({"name": "Eve", "email": "eve@example.com"})
        assert holdfast.wait_for(eve.operation_id).took_effect
        assert [user.name for user in users.all(limit=1)] == ["King", "Eve"]
        assert users.find({"email": "eve@example.com"}).id == eve.id
        assert users.delete(eve.id, wait=True).status == "applied"
        with pytest.raises(hc.NotFound):
            users.get(eve.id)
