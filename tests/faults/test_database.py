"""The database dead, frozen, slow, full, read-only or cut off: reads get a marked copy at once and never a guess;
writes continue; and everything recovers on its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import orjson
import pymysql
import pytest

from deploy.faults.faults import Faults, LoseReply, WayFaults
from deploy.faults.faults import Then as Lost
from tests.client import WAIT
from tests.database_faults import KNOWN, DatabaseFault, any_number, refusing
from tests.faults.rig import AWAY, HEALING_S, NOBODY, Rig, away, refused, stale, within
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.processes import Service
from tests.servers import Database, RedisServer, wait_until

EVE = {"name": "Eve", "email": "eve@example.com"}


@contextmanager
def altered(database: Database, variable: str, value: int, *, afterwards: int) -> Iterator[None]:
    """Set a server variable, and restore it at the end."""

    def set_to(value: int) -> None:
        with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET GLOBAL {variable} = {value}")

    set_to(value)
    try:
        yield
    finally:
        set_to(afterwards)


def take_every_connection(database: Database, hogs: ExitStack) -> None:
    """Open connections until the server refuses one. The api's connections have to be gone first, because others could
    take those that it gives up."""
    with database.connect() as looking, looking.cursor() as cursor:

        def gone() -> bool:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'holdfast_api'")
            return cursor.fetchone() == (0,)

        wait_until(gone, what="the api's connections are gone")
    with pytest.raises(pymysql.err.OperationalError, match="1040"):  # noqa: PT012 - whichever it refuses
        for _ in range(100):
            hogs.enter_context(database.connect())


def queues(rig: Rig, *, fresh: bool = False) -> str:
    """Queue a write, assert that it can be read, and return its operation's path. Unless the database answers reads,
    the read is marked, because a later write may have bypassed the queue."""
    accepted = rig.sent("POST", "/users", 202, json=EVE)
    assert accepted.json()["data"]["status"] == "queued"
    path = f"/users/{accepted.json()['data']['id']}"
    user = rig.client.get(path).json()
    assert (user["data"]["name"], user["meta"]["pending"]) == ("Eve", True)
    assert (user["meta"].get("stale"), user["meta"].get("source")) == ((None, None) if fresh else (True, "queue"))
    for no_copy in ({"Cache-Control": "no-cache"}, {"X-Allow-Fallback": "false"}):
        assert rig.client.get(path, headers=no_copy).status_code == (200 if fresh else 503)
    return str(accepted.headers["location"])


def test_killed(rig: Rig, writer: Service) -> None:
    """With the database dead, reads come from copies. An unknown user is a 503 and not a 404, also for a caller that
    wants no copy; writes queue, can be read, and are applied when the database is back."""
    path = rig.known_user()
    rig.database.kill()
    with within():
        assert stale(rig.client.get(path))["name"] == "Ada"
        away(rig.client.get(NOBODY))
        operation = queues(rig)
    rig.open_breaker()
    unknown = refused(rig.while_open(NOBODY), 503, "CIRCUIT_BREAKER_OPEN")
    assert unknown["fallback_available"] is False
    for no_copy in ({"Cache-Control": "no-cache"}, {"X-Allow-Fallback": "false"}):
        refused(rig.while_open(path, headers=no_copy), 503, "CIRCUIT_BREAKER_OPEN")
    assert stale(rig.while_open(path))["name"] == "Ada"
    rig.database.start()
    rig.wait_until_applied(operation)
    rig.wait_until_fresh(path)


@pytest.mark.hangs
def test_frozen(rig: Rig, writer: Service) -> None:
    """With the database frozen, the first reads cost one timeout each and are stale; with the breaker open they
    are stale and immediate."""
    path = rig.known_user()
    rig.database.freeze()
    with within():
        assert stale(rig.client.get(path))["name"] == "Ada"
    rig.open_breaker()
    with within():
        assert stale(rig.while_open(path))["name"] == "Ada"
        assert [user["name"] for user in stale(rig.while_open("/users"))] == ["Ada"]
        operation = queues(rig)
    rig.database.thaw()
    rig.wait_until_applied(operation)
    rig.wait_until_fresh(path)


@pytest.mark.hangs
def test_slow(rig: Rig) -> None:
    """A slightly slow database is read as usual; one slower than the timeout counts as away, and costs the timeout."""
    path = rig.known_user()
    rig.to_database.set(Faults(down=WayFaults(latency_ms=50)))
    rig.wait_until_fresh(path)
    rig.to_database.set(Faults(down=WayFaults(latency_ms=30_000)))
    with within():
        assert stale(rig.client.get(path))["name"] == "Ada"
        queues(rig)
    rig.open_breaker()
    with within():
        assert stale(rig.while_open(path))["name"] == "Ada"
    rig.to_database.heal()
    rig.wait_until_fresh(path)


@pytest.mark.hangs
def test_cut_off_in_one_direction(rig: Rig) -> None:
    """Reads are stale while requests do not arrive or answers do not return on open connections, and fresh
    afterwards."""
    path = rig.known_user()
    for way in ("up", "down"):
        rig.to_database.set(Faults.from_json({way: {"blackhole": True}}))
        with within():
            assert stale(rig.client.get(path))["name"] == "Ada"
        rig.to_database.heal()
        rig.wait_until_fresh(path)


def test_a_connection_reset_in_the_middle_of_an_answer(rig: Rig) -> None:
    """A torn answer is no answer, and the next connection works at once."""
    path = rig.known_user()
    rig.to_database.set(Faults(down=WayFaults(cut_after_bytes=20)))
    with within():
        assert stale(rig.client.get(path))["name"] == "Ada"
        away(rig.client.get(NOBODY))
    rig.to_database.heal()
    rig.wait_until_fresh(path)


def test_refusing_for_too_many_connections(rig: Rig, writer: Service) -> None:
    """While others hold every connection, reads are stale and writes queue, and no write is rejected for it."""
    path = rig.known_user()
    with altered(rig.database, "max_connections", 10, afterwards=151), ExitStack() as hogs:
        rig.to_database.set(Faults(reset=True))
        take_every_connection(rig.database, hogs)
        rig.to_database.heal()
        with within():
            assert stale(rig.client.get(path))["name"] == "Ada"
            assert rig.sent("POST", "/users", 202, json=EVE)
    rig.wait_until_fresh(path)
    wait_until(lambda: rig.backlog() == 0, what="applied")
    assert rig.count("users") == 2


def test_read_only(rig: Rig, writer: Service) -> None:
    """With a read-only database, reads stay fresh and writes wait in the queue without being charged an attempt;
    without the queue they are refused definitely."""
    path = rig.known_user()
    with altered(rig.database, "read_only", 1, afterwards=0):
        operation = queues(rig, fresh=True)
        wait_until(lambda: "batch_held" in writer.log.read_text(), what="the writer has tried")
        answer = rig.client.get(path).json()
        assert (answer["success"], "stale" in answer["meta"]) == (True, False)
        rig.to_queue.set(AWAY)
        with within():
            refused(rig.client.post("/users", json={"name": "Bob", "email": "bob@example.com"}, headers=key()),
                    503, "WRITES_UNAVAILABLE")  # fmt: skip
        rig.to_queue.heal()
        waiting = wait_for_operation(rig, operation)
        assert (waiting["status"], waiting["failed_attempts"]) == ("queued", 0)
    rig.wait_until_applied(operation)
    assert rig.count("users") == 2


@pytest.mark.parametrize("fault", [fault for fault in KNOWN if not fault.reads], ids=lambda fault: fault.name)
def test_whatever_the_database_answers_a_read_with(rig: Rig, fault: DatabaseFault) -> None:
    """Whatever error the database answers a read with, known users come from copies, unknown ones are a 503, and writes
    queue. Other tables can still be read, so the breaker may stay closed."""
    path = rig.known_user()
    with fault.on(rig.database):
        assert stale(rig.client.get(path))["name"] == "Ada"
        assert [user["name"] for user in stale(rig.client.get("/users"))] == ["Ada"]
        away(rig.client.get(NOBODY))
        operation = queues(rig)
        rig.to_queue.set(AWAY)
        assert rig.client.get(operation).status_code == 503
        refused(rig.client.post("/users", json=EVE, headers=key()), 503, "WRITES_UNAVAILABLE")
        rig.to_queue.heal()
        assert stale(rig.client.get(path))["name"] == "Ada"
    rig.wait_until_fresh(path)


def test_whatever_the_database_refuses_direct_writes_with(rig: Rig) -> None:
    """Direct writes that the database refuses are definitely not done and retryable, and reads of a database that takes
    no writes stay fresh, however many writes it refuses."""
    path = rig.known_user()
    rig.to_queue.set(AWAY)
    for fault in (KNOWN[0], KNOWN[1], refusing("users", any_number()), refusing("operations", 1406)):
        with fault.on(rig.database):
            rig.wait_until_fresh(path)  # a read on a connection that was just ended may be a copy
            for number in range(8):
                user = {"name": "Bob", "email": f"bob-{number}@example.com"}
                refused(rig.client.post("/users", json=user, headers=key()), 503, "WRITES_UNAVAILABLE")
                assert "stale" not in rig.client.get(path).json()["meta"]
    wait_until(lambda: rig.client.post("/users", json=EVE).status_code == 201, HEALING_S, "it takes writes again")
    assert rig.count("users") == 2


@pytest.mark.hangs
def test_the_reply_to_a_direct_write_s_commit_is_lost(rig: Rig) -> None:
    """A direct write whose commit succeeded without a reply is a 504, not definite, with the operation to ask for. The
    same key again gets the same user, and there is one."""
    assert rig.client.get("/users").status_code == 200  # the driver also commits on a new connection
    rig.to_queue.set(AWAY)
    ways: tuple[Lost, ...] = ("hang", "reset")
    for then in ways:
        user, headers, first = lost_commit(rig, then)
        error = refused(first, 504, "ACCEPTANCE_UNKNOWN", definite=False)
        rig.to_database.heal()
        rig.wait_until_whole(but="queue")
        operation = rig.client.get(f"/operations/{error['details']['operation_id']}").json()["data"]
        assert operation["status"] == "applied"
        again = rig.sent("POST", "/users", 201, json=user, headers=headers)
        assert again.headers["idempotent-replayed"] == "true"
        assert again.json()["data"]["id"] == operation["user_id"]
        assert rig.count(f"users WHERE email = '{user['email']}'") == 1
    assert rig.count("users") == rig.count("operations")


def lost_commit(rig: Rig, then: Lost) -> tuple[dict[str, str], dict[str, str], httpx.Response]:
    """Return a direct write, its headers, and its answer without the reply to its commit. The api's loops also commit
    when they open a connection: if their reply was lost, the write is tried again."""
    for number in range(20):
        user, headers = {"name": "Ada", "email": f"{then}{number}@example.com"}, key()
        rig.to_database.set(Faults(lose_reply=LoseReply("COMMIT", then=then)))
        with within():
            answer = rig.client.post("/users", json=user, headers=headers)
        assert rig.to_database.lost_replies == 1
        if answer.status_code != 201:
            return user, headers, answer
    raise AssertionError("the reply to another commit was lost each time")


def test_a_write_that_was_taken_is_no_error_because_it_cannot_be_read_back(rig: Rig, writer: Service) -> None:
    """A write that was accepted is no error if it cannot be read back: applied while the api is cut off it is a 202
    with its operation, and applied directly a 201 with the user from the copy if there is one. Its repetition is the
    same operation."""
    rig.to_database.set(AWAY)
    waited = rig.client.post("/users", json=EVE, headers={"Prefer": "wait=3"})
    assert (waited.status_code, waited.json()["data"]["status"]) == (202, "queued")
    rig.to_database.heal()
    rig.wait_until_applied(waited.headers["location"])
    rig.wait_until_whole()

    rig.to_queue.set(AWAY)
    headers = key()
    # The lost reply is to the statement that reads the row back; the one that locks the row, to write it, names an
    # index.
    rig.to_database.set(Faults(lose_reply=LoseReply("`deleted_version` FROM `users` WHERE id IN (")))
    direct = rig.client.post("/users", json=ADA, headers=headers)
    assert rig.to_database.lost_replies == 1
    assert (direct.status_code, direct.json()["data"]["status"]) == (201, "applied")
    assert direct.json()["data"].get("name", "Ada") == "Ada"
    rig.to_database.heal()
    rig.wait_until_whole(but="queue")
    again = rig.sent("POST", "/users", 201, json=ADA, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"


def wait_for_operation(rig: Rig, operation: str) -> dict[str, object]:
    """Return the operation, as soon as the queue reports it again."""
    wait_until(lambda: rig.client.get(operation).status_code == 200, what="the operation can be asked for")
    return dict(rig.client.get(operation).json()["data"])


def test_what_was_written_and_never_read_has_a_copy(rig: Rig, writer: Service) -> None:
    """The writer leaves a copy of a user after each commit, and never replaces a copy by an older one."""
    created = rig.client.post("/users", json=ADA, headers=WAIT).json()["data"]["id"]
    rig.client.patch(f"/users/{created}", json={"name": "Ada King"}, headers=WAIT)
    wait_until(lambda: copied_name(rig.cache, created) == "Ada King", what="copied")
    rig.database.kill()
    rig.open_breaker()
    assert stale(rig.while_open(f"/users/{created}"))["name"] == "Ada King"


def copied_name(server: RedisServer, user_id: str) -> str | None:
    """Return the name in the cache's copy of a user."""
    with server.client() as cache:
        value = cache.get(f"holdfast:cache:user:{user_id}")
    return orjson.loads(value)[3][1] if value else None


def test_errors_keep_their_envelope(rig: Rig) -> None:
    """While the database is away, what is wrong with a request is reported as ever."""
    rig.to_database.set(Faults(reset=True))
    assert error_of(rig.client.post("/users", json={"name": ""}))["type"] == "validation_error"
