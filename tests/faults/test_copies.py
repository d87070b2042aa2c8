"""A deleted user is in no copy, whichever way the delete took and whatever was lost on the way."""

from pathlib import Path

from tests import processes
from tests.client import WAIT
from tests.faults.rig import AWAY, Rig, stale
from tests.integration.test_api_accepts import error_of
from tests.servers import wait_until

GONE = {"name": "Edward Gone", "email": "gone@example.com"}


def personal(rig: Rig) -> bool:
    """Return whether the deleted user's name or address is anywhere in the cache, including names of keys."""
    with rig.cache.client() as cache:
        keys = [key for key in cache.keys("*") if cache.type(key) == b"string"]
        everything = b" ".join([*keys, *(value or b"" for value in cache.mget(keys))]) if keys else b""
    return b"Edward" in everything or b"gone@" in everything


def shown(rig: Rig, path: str) -> list[dict[str, object]]:
    """Return the users of a list while the database is away."""
    return list(stale(rig.client.get(path)))


def check_gone(rig: Rig, user: str) -> None:
    """Assert that without the database no read finds the deleted user, and the other user is still there."""
    assert [each["email"] for each in shown(rig, "/users")] == ["ada@example.com"]
    assert shown(rig, "/users?email=gone@example.com") == []
    assert error_of(rig.client.get(user))["code"] == "USER_NOT_FOUND"


def read_everything(rig: Rig, user: str) -> None:
    """Read every path with the user, so that all have copies."""
    for path in ("/users", "/users?limit=1", "/users?email=gone@example.com", user):
        wait_until(lambda path=path: rig.client.get(path).json()["success"], what="it is read")  # type: ignore[misc]
    wait_until(lambda: personal(rig), what="copied")


def test_a_user_who_was_deleted_directly(rig: Rig) -> None:
    """No copy shows a user who was read, deleted directly while the queue was away, and read again before the database
    went away. The page still says that it goes on, although its only other user is gone."""
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
    # The page of one user was not read again: it omits the deleted user, and still has a cursor to the next page.
    assert rig.client.get("/users?limit=1").json()["meta"]["next_cursor"]


def test_the_message_is_lost(rig: Rig, tmp_path: Path) -> None:
    """If the writer that deletes a user cannot reach the cache, the api learns of the delete from the database and
    removes the copies from the cache and its own memory; a page that is read is renewed."""
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
    """A cache that was away during the delete and long after loses its copies of the user when it is back, although the
    api that deleted is gone."""
    rig.known_user()
    rig.to_queue.set(AWAY)
    user = rig.sent("POST", "/users", 201, json=GONE).headers["location"]
    read_everything(rig, user)
    with rig.cache.client() as cache:
        wait_until(lambda: cache.exists("holdfast:cache:deletions_until"), what="the cache is marked")
    rig.to_cache.set(AWAY)
    assert rig.sent("DELETE", user, 200)
    with rig.database.connect() as connection, connection.cursor() as cursor:
        # as if the cache had been away for longer than the time that is always looked back
        cursor.execute("UPDATE deleted_users SET deleted_at = deleted_at - INTERVAL 15 SECOND")
    with rig.cache.client() as cache:
        cache.decrby("holdfast:cache:deletions_until", 20)
    rig.api.kill()
    rig.api.start()
    assert personal(rig)
    rig.to_cache.heal()
    wait_until(lambda: not personal(rig), what="nothing of the user is in the cache")


def test_a_page_that_is_read_is_renewed(rig: Rig) -> None:
    """When a page's newest user is deleted, the copy in the cache becomes the page as it was read last."""
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
