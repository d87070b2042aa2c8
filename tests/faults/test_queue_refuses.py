"""The queue's Redis cannot take writes although it runs: it was made a replica, or its disk is full."""

from tests.faults.conftest import StartWriter
from tests.faults.rig import HEALING_S, Rig, within
from tests.integration.test_api_accepts import ADA, key
from tests.ports import free_port
from tests.servers import wait_until

EVE = {"name": "Eve", "email": "eve@example.com"}


def test_read_only(rig: Rig, start_writer: StartWriter) -> None:
    """While the queue is a replica, new writes go to the database, and a queued write can be read and is applied
    afterwards. The same key leads to the same user throughout."""
    queued = rig.client.post("/users", json=EVE)
    assert queued.status_code == 202
    headers = key()
    with rig.queue.client() as queue:
        queue.replicaof("127.0.0.1", free_port())  # a replica keeps its data if its primary does not exist
        try:
            writer = start_writer()
            wait_until(lambda: "READONLY" in writer.log.read_text(), what="the writer is refused")
            with within():
                created = rig.client.post("/users", json=ADA, headers=headers)
                assert (created.status_code, created.json()["meta"]["way"]) == (201, "direct")
                user = rig.client.get(f"/users/{queued.json()['data']['id']}").json()
                assert (user["data"]["name"], user["meta"]["pending"]) == ("Eve", True)
            assert rig.backlog() == 1
        finally:
            queue.replicaof("NO", "ONE")
    rig.wait_until_applied(queued.headers["location"])
    wait_until(
        lambda: rig.client.post("/users", json={"name": "Bob", "email": "bob@example.com"}).status_code == 202,
        HEALING_S, "the queue takes writes",
    )  # fmt: skip
    again = rig.client.post("/users", json=ADA, headers=headers)
    assert again.json()["data"]["id"] == created.json()["data"]["id"]
    wait_until(lambda: rig.backlog() == 0, what="settled")
    assert rig.count("users") == 3


def test_its_disk_is_full(rig: Rig, start_writer: StartWriter) -> None:
    """Redis ends in the middle of a write that its full disk cannot store, clients are still answered, and each write
    accepted before or after takes effect once."""
    rig.warm_up()
    rig.queue.fill_disk(free_bytes=5_000)
    users = 0

    def direct() -> bool:
        nonlocal users
        with within():
            created = rig.client.post("/users", json={"name": "Ada", "email": f"{users}@example.com"}, headers=key())
        assert created.status_code in (201, 202)
        users += 1
        return created.status_code == 201 and not rig.queue.running

    wait_until(direct, what="the queue has ended, and writes go to the database")
    assert "AOF write error" in (rig.queue.folder / "server.log").read_text()
    rig.queue.start()
    start_writer()
    wait_until(lambda: rig.backlog() == 0, what="what it had kept is applied")
    assert rig.count("users WHERE name = 'Ada'") == users
