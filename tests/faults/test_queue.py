"""The queue's Redis dead, frozen, full or cut off: writes go directly to the database, and each write is applied
exactly once even if it is queued already. Answers do not guess what only the queue knows, and everything recovers on
its own."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.faults.faults import Faults, LoseReply
from holdfast.shared.queue.names import ATTEMPTS, OPERATION, TAKEN_OVER, WRITES
from tests.conftest import ROOT
from tests.faults.conftest import StartWriter
from tests.faults.rig import HEALING_S, NOBODY, SILENT, Rig, refused, within
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.processes import Service
from tests.servers import wait_until

#: Takes the queue away, and returns the function that brings it back.
Break = Callable[[Rig], Callable[[], None]]

CHARGE = (ROOT / "shared/queue/lua/charge.lua").read_text()

EVE = {"name": "Eve", "email": "eve@example.com"}


def kill(rig: Rig) -> Callable[[], None]:
    """Kill the queue with SIGKILL."""
    rig.queue.kill()
    return rig.queue.start


def freeze(rig: Rig) -> Callable[[], None]:
    """Freeze the queue with SIGSTOP."""
    rig.queue.freeze()
    return rig.queue.thaw


@pytest.mark.parametrize("away", [kill, pytest.param(freeze, marks=pytest.mark.hangs)])
def test_writes_go_to_the_database(rig: Rig, start_writer: StartWriter, away: Break) -> None:
    """Without the queue, writes are a 201 in time and reads continue; when the queue is back, the next write is queued
    and comes after them."""
    user = rig.known_user()
    back = away(rig)
    with within():
        assert rig.sent("POST", "/users", 201, json=EVE).json()["meta"]["way"] == "direct"
    with within():
        rig.sent("PATCH", user, 200, json={"name": "Direct"})
        rig.wait_until_fresh(user)
        assert rig.client.get(user).json()["data"]["name"] == "Direct"
        assert rig.client.get("/users").status_code == 200
    back()
    wait_until(lambda: rig.client.patch(user, json={"name": "Queued"}).status_code == 202, what="it heals")
    wait_until(lambda: rig.client.get(user).json()["meta"]["pending"] is True, what="the queue is asked again")
    assert rig.client.get(user).json()["data"]["name"] == "Queued"
    start_writer()
    wait_until(lambda: rig.client.get(user).json()["meta"]["pending"] is False, what="applied")
    assert rig.client.get(user).json()["data"]["name"] == "Queued"
    assert rig.count("users") == 2


def test_what_only_the_queue_knows_is_not_guessed(rig: Rig) -> None:
    """Without the queue, a user who is only queued is not reported missing, and a known user is shown with unknown
    pending state. A change of an unknown user could overtake a queued create, so it is definitely refused."""
    known = rig.known_user()
    queued = f"/users/{rig.queued('Eve').json()['data']['id']}"
    rig.queue.kill()
    with within():
        refused(rig.client.get(queued), 503, "QUEUE_UNAVAILABLE")
        refused(rig.client.get(NOBODY), 503, "QUEUE_UNAVAILABLE")
        assert rig.client.get(known).json()["meta"]["pending"] is None
        refused(rig.client.get("/operations/" + NOBODY.removeprefix("/users/")), 503, "QUEUE_UNAVAILABLE")
        refused(rig.client.patch(queued, json={"name": "Eve King"}), 503, "ORDER_UNKNOWN")
        refused(rig.client.patch(known, json={"name": "Ada King"}, headers={"If-Match": '"1"'}), 503, "ORDER_UNKNOWN")
    rig.queue.start()
    wait_until(lambda: rig.client.get(queued).status_code == 200, what="it heals")
    assert rig.client.get(NOBODY).status_code == 404


def test_a_direct_write_past_its_time_is_expired(rig: Rig) -> None:
    """A direct write past its time limit is definitely not done, with or without a key, for a create or a change, while
    one with time left is done."""
    user = rig.known_user()
    rig.queue.kill()
    late, in_time = {"X-Expire-After-Ms": "1"}, {"X-Expire-After-Ms": "60000"}
    rig.sent("PATCH", user, 200, json={"name": "Direct"})
    with within():
        for headers in (late, late | key()):
            for sent in (("POST", "/users", EVE), ("PATCH", user, {"name": "Late"})):
                answer = rig.client.request(*sent[:2], json=sent[2], headers=headers)
                error = error_of(answer)
                assert (answer.status_code, error["code"]) == (504, "WRITE_EXPIRED")
                assert (error["retryable"], error["definite"]) == (False, True)
        assert rig.count("users") == 1
        rig.sent("POST", "/users", 201, json=EVE, headers=in_time)


def test_a_direct_write_is_done_once_too(rig: Rig) -> None:
    """The same key again gets the same user from a direct write, and is refused with another body."""
    rig.queue.kill()
    headers = key()
    first, second = (rig.sent("POST", "/users", 201, json=ADA, headers=headers) for _ in range(2))
    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert second.headers["idempotent-replayed"] == "true"
    reused = rig.client.post("/users", json=ADA | {"name": "X"}, headers=headers)
    assert error_of(reused)["code"] == "IDEMPOTENCY_KEY_REUSED"
    with rig.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), MAX(entry_id) FROM operations")
        assert cursor.fetchone() == (1, None)


def test_a_direct_write_is_recognised_by_the_queue_that_never_saw_it(rig: Rig, start_writer: StartWriter) -> None:
    """A direct write whose answer was lost is recognized by its key when the queue is back, and does not conflict with
    itself."""
    rig.queue.kill()
    headers = key()
    first = rig.sent("POST", "/users", 201, json=ADA, headers=headers).json()["data"]["id"]
    rig.queue.start()
    start_writer()
    eve = {"name": "Eve", "email": ADA["email"]}  # reserves the address while it is on its way to being rejected
    wait_until(lambda: rig.client.post("/users", json=eve).status_code == 202, what="the queue is back")
    wait_until(
        lambda: (
            (again := rig.client.post("/users", json=ADA, headers=headers)).status_code == 202
            and again.json()["data"]["id"] == first
        ),
        what="the same answer",
    )


@pytest.mark.hangs
def test_a_write_that_reached_a_frozen_queue_as_well_is_done_once(rig: Rig, start_writer: StartWriter) -> None:
    """If the queue hangs with the write in its socket and the api continues without it, the writer finds a duplicate
    and the write is done once."""
    users = 0

    def reached() -> bool:
        nonlocal users
        rig.wait_until_whole()
        rig.warm_up()  # leaves an open connection; if another call used it by then, nothing would be sent
        rig.queue.freeze()
        created = rig.sent("POST", "/users", 201, json=ADA | {"email": f"{users}@example.com"})
        users += 1
        rig.queue.thaw()
        rig.wait_until_whole()
        return rig.entries_of(created.json()["data"]["operation_id"]) == 1

    wait_until(reached, what="it reached the queue too")
    start_writer()
    wait_until(lambda: duplicates(rig) == 1, what="the copy is recognised")
    assert rig.count("users WHERE name = 'Ada'") == users


@pytest.mark.parametrize(
    ("lost", "status"),
    [
        (LoseReply("EVALSHA"), 202),
        (LoseReply("EVALSHA", times=2), 201),
        pytest.param(LoseReply("EVALSHA", then="hang"), 201, marks=pytest.mark.hangs),
    ],
)
def test_the_reply_to_an_acceptance_is_lost(rig: Rig, start_writer: StartWriter, lost: LoseReply, status: int) -> None:
    """A write whose acceptance was not answered is done exactly once: a second attempt finds it, or the write is done
    directly. The same key again leads to the same user."""
    rig.warm_up()  # so that the script is called by its hash from now on
    rig.wait_until_whole()
    wait_until(lambda: rig.count("direct_keys") == 0, what="no key is handed over meanwhile")  # with EVALSHA too
    headers, backlog = key(), rig.backlog() + 1
    rig.to_queue.set(Faults(lose_reply=lost))
    with within():
        first = rig.client.post("/users", json=ADA, headers=headers)
    assert (first.status_code, rig.to_queue.lost_replies) == (status, lost.times)
    assert rig.backlog() == backlog
    rig.to_queue.heal()
    again = rig.client.post("/users", json=ADA, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"]["id"] == first.json()["data"]["id"]
    assert rig.backlog() == backlog
    start_writer()
    wait_until(lambda: rig.backlog() == 0, what="settled")
    assert (rig.count("users WHERE name = 'Ada'"), duplicates(rig)) == (1, status == 201)
    with rig.queue.client() as queue:  # for the ledger, which may have counted the write as the queue's
        counts = {name.decode() for name in queue.hkeys("{holdfast}:ledger")}
    assert counts == ({"duplicates", f"late:{first.json()['data']['operation_id']}"} if status == 201 else set())
    assert rig.count("operations") == rig.count("users")


def test_the_answer_to_a_second_try_has_the_version_of_the_first(rig: Rig, writer: Service) -> None:
    """A second attempt gets the version of the first, which was applied and forgotten by the queue before it. The
    second may come too early for that, so the test repeats until a writer finds two entries of one write."""
    rig.warm_up()

    def late() -> bool:
        rig.wait_until_whole()
        rig.to_queue.set(Faults(lose_reply=LoseReply("EVALSHA", then="hang")))
        user = ADA | {"email": f"{uuid.uuid4()}@example.com"}
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(rig.client.post, "/users", json=user)
            wait_until(lambda: (rig.to_queue.lost_replies and rig.backlog() == 0) or waiting.done(), what="applied")
            rig.to_queue.set(Faults(reset=True))
            rig.to_queue.heal()
            answer = waiting.result()
        if answer.status_code == 202:
            path = f"/users/{answer.json()['data']['id']}"
            wait_until(lambda: rig.client.get(path).json()["meta"].get("pending") is False, what="applied")
            assert rig.client.get(path).headers["etag"] == f'"{answer.json()["meta"]["version"]}"'
        return duplicates(rig) > 0 and answer.status_code == 202

    wait_until(late, HEALING_S, "a second try comes late")


def test_full(rig: Rig, start_writer: StartWriter) -> None:
    """A queue out of memory discards nothing and definitely refuses new writes; reads continue, and so does the work on
    queued writes, which frees memory."""
    accepted = [rig.client.post("/users", json=EVE | {"email": f"{n}@example.com"}) for n in range(20)]
    users = [f"/users/{each.json()['data']['id']}" for each in accepted]
    with rig.queue.client() as queue:
        queue.config_set("maxmemory", 1)
        try:
            with within():
                refused(rig.client.post("/users", json=ADA, headers=key()), 503, "QUEUE_FULL")
                assert {rig.client.get(user).json()["meta"]["pending"] for user in users} == {True}
            [(first, fields)] = queue.xrange(WRITES, count=1)
            kept = (ATTEMPTS + first.decode(), TAKEN_OVER, OPERATION + fields[b"operation_id"].decode())
            assert queue.eval(CHARGE, 4, WRITES, *kept, first, "{}", "no luck") == 1  # also what fails
            start_writer()
            wait_until(lambda: rig.backlog() == 0, what="the backlog is worked off")
            assert rig.count("users") == 20
        finally:
            queue.config_set("maxmemory", 0)
    assert rig.sent("POST", "/users", 202, json=ADA)


def test_a_caller_who_waits_hears_that_it_is_queued(rig: Rig) -> None:
    """If the queue hangs while a caller waits for the end of a write, the answer is 202 when the wait is over."""
    accepted = 'holdfast_writes_accepted_total{result="accepted"}'
    before = rig.api.metric(accepted)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(rig.client.post, "/users", json=ADA, headers={"Prefer": "wait=2"})
        wait_until(lambda: rig.api.metric(accepted) == before + 1, what="the api knows that it was accepted")
        rig.to_queue.set(SILENT)
        with within():
            answer = waiting.result()
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "queued")


def duplicates(rig: Rig) -> int:
    """Return the number of second entries of one operation that a writer has found."""
    with rig.queue.client() as queue:
        return int(queue.hget("{holdfast}:ledger", "duplicates") or 0)
