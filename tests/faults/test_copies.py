"""A deleted user is in no copy, whichever way the delete took and whatever was lost on the way."""

from pathlib import Path

from tests import processes
from tests.client import WAIT
from tests.faults.rig import AWAY, Rig, stale
from tests.integration.test_api_accepts import error_of
from tests.servers import wait_until

GONE = {"name": "Edward Gone", "email": "gone@example.com"}


def personal(rig: Rig) -> bool:
    """Whether a name or an address of the deleted user is anywhere in the cache, names of keys included."""
    with rig.cache.client() as cache:
        keys = [key for key in cache.keys("*") if cache.type(key) == b"string"]
        everything = b" ".join([*keys, *(value or b"" for value in cache.mget(keys))]) if keys else b""
    return b"Edward" in everything or b"gone@" in everything


def shown(rig: Rig, path: str) -> list[dict[str, object]]:
    """The users of a list while the database is away."""
    return list(stale(rig.client.get(path)))


def check_gone(rig: Rig, user: str) -> None:
    """The database is away: no look finds the user; the others are there."""
    assert [each["email"] for each in shown(rig, "/users")] == ["ada@example.com"]
    assert shown(rig, "/users?email=gone@example.com") == []
    assert error_of(rig.client.get(user))["code"] == "USER_NOT_FOUND"


def read_everything(rig: Rig, user: str) -> None:
    """So that there are copies of all."""
    for path in ("/users", "/users?limit=1", "/users?email=gone@example.com", user):
        wait_until(lambda path=path: rig.client.get(path).json()["success"], what="it is read")  # type: ignore[misc]
    wait_until(lambda: personal(rig), what="copied")


def test_a_user_who_was_deleted_directly(rig: Rig) -> None:
    """Read, deleted while the queue is away, read again, and then the database goes. The page says that it goes on
    although its only other user is gone."""
    rig.known_user()
    rig.to_queue.set(AWAY)
    user = rig.sent("POST", "/users", 201, json=GONE).headers["location"]
    read_everything(rig, user)
    assert rig.client.get("/users?limit=1").json()["meta"]["next_cursor"]
    assert rig.sent("DELETE", user, 200)
    assert [each["email"] for each in rig.client.get("/users").json()["data"]] == ["ada@example.com"]
    wait_until(lambda: not personal(rig), what="nothing of the user is in the cache")
    rig.to_queue.heal()
    rig.to_database.set(AWAY)
    wait_until(lambda: rig.client.get(user).status_code == 404, what="it heals")
    check_gone(rig, user)
    # The page of one was not read again: it does not show who is gone, and still says how to go on.
    assert rig.client.get("/users?limit=1").json()["meta"]["next_cursor"]


def test_the_message_is_lost(rig: Rig, tmp_path: Path) -> None:
    """The writer that deletes does not reach the cache. The api learns of it from the database, for the cache and for
    its own memory; and a page that is read is renewed."""
    rig.known_user()
    cut_off = processes.writer(
        tmp_path, rig.queue.address, rig.database.dsn, "cut-off",
        **(processes.QUICK | {"HOLDFAST_CACHE_REDIS_ADDR": "127.0.0.1:1"}),
    )  # fmt: skip
    try:
        cut_off.start()
        user = rig.client.post("/users", json=GONE, headers=WAIT).headers["location"]
        read_everything(rig, user)
        assert rig.client.delete(user, headers=WAIT).status_code == 200
        wait_until(lambda: not personal(rig), what="nothing of the user is in the cache")
    finally:
        cut_off.kill()
    rig.to_database.set(AWAY)
    check_gone(rig, user)
    rig.cache.kill()
    check_gone(rig, user)


def test_the_cache_is_back_with_what_it_had(rig: Rig) -> None:
    """Nobody reaches it during the delete, and long after, and the api that deleted is gone: it hears of it when it is
    back."""
    rig.known_user()
    rig.to_queue.set(AWAY)
    user = rig.sent("POST", "/users", 201, json=GONE).headers["location"]
    read_everything(rig, user)
    with rig.cache.client() as cache:
        wait_until(lambda: cache.exists("holdfast:cache:deletions_until"), what="the cache is marked")
    rig.to_cache.set(AWAY)
    assert rig.sent("DELETE", user, 200)
    with rig.database.connect() as connection, connection.cursor() as cursor:
        # As if it had been away for longer than is looked back in any case.
        cursor.execute("UPDATE deleted_users SET deleted_at = deleted_at - INTERVAL 15 SECOND")
    with rig.cache.client() as cache:
        cache.decrby("holdfast:cache:deletions_until", 20)
    rig.api.kill()
    rig.api.start()
    assert personal(rig)
    rig.to_cache.heal()
    wait_until(lambda: not personal(rig), what="nothing of the user is in the cache")


def test_a_page_that_is_read_is_renewed(rig: Rig) -> None:
    """Its newest user is deleted: the copy in the cache becomes the page as it was read last."""
    rig.known_user()
    rig.to_queue.set(AWAY)
    user = rig.sent("POST", "/users", 201, json=GONE).headers["location"]
    read_everything(rig, user)
    rig.sent("DELETE", user, 200)

    def copied() -> bytes:
        rig.client.get("/users")
        with rig.cache.client() as cache:
            return bytes(cache.get("holdfast:cache:page:0:51") or b"")

    wait_until(lambda: user.removeprefix("/users/").encode() not in copied(), what="the page is renewed")
