"""The queue and the database away at once: nothing is promised, for certain; copies are still read."""

import pytest

from deploy.faults.faults import Faults, LoseReply
from tests.faults.conftest import StartWriter
from tests.faults.rig import AWAY, NOBODY, SILENT, Rig, refused, stale, within
from tests.integration.test_api_accepts import ADA, key
from tests.servers import wait_until


@pytest.mark.parametrize("fault", [AWAY, SILENT], ids=["away", "hung"])
def test_nothing_is_promised(rig: Rig, start_writer: StartWriter, fault: Faults) -> None:
    """503 or, when something was under way, 504 that does not claim to know; the same key works when both are back, and
    there is one user."""
    start_writer()
    path = rig.known_user()
    rig.to_queue.set(fault)
    rig.to_database.set(fault)
    headers = key()
    eve = {"name": "Eve", "email": "eve@example.com"}
    with within():
        first = rig.client.post("/users", json=eve, headers=headers)
    if fault is AWAY:
        refused(first, 503, "WRITES_UNAVAILABLE")
    else:  # a living connection had the command: it may still arrive, and it does
        refused(first, 504, "ACCEPTANCE_UNKNOWN", definite=False)
    with within():
        assert stale(rig.client.get(path))
        assert rig.client.get(NOBODY).status_code == 503
        assert rig.client.get("/operations/" + NOBODY.removeprefix("/users/")).status_code == 503
        assert [rig.client.get(each).status_code for each in ("/livez", "/readyz", "/health")] == [200, 200, 200]
    rig.to_queue.heal()
    rig.to_database.heal()
    rig.wait_until_fresh(path)
    again = rig.client.post("/users", json=eve, headers=headers | {"Prefer": "wait=10"})
    assert again.status_code == 201
    assert rig.count("users") == 2


def test_an_acceptance_nobody_heard_of_is_found_again(rig: Rig, start_writer: StartWriter) -> None:
    """The queue took it, its replies were lost, and the database was away: 504 and an operation; the same key then
    leads to that operation, and to one write."""
    rig.client.post("/users", json=ADA | {"email": "warm@example.com"})
    rig.to_database.set(AWAY)
    rig.to_queue.set(Faults(lose_reply=LoseReply("EVALSHA", times=2)))
    headers = key()
    with within():
        error = refused(rig.client.post("/users", json=ADA, headers=headers), 504, "ACCEPTANCE_UNKNOWN", definite=False)
    operation_id = error["details"]["operation_id"]
    rig.to_queue.heal()
    wait_until(lambda: rig.client.post("/users", json=ADA, headers=headers).status_code == 202, what="it heals")
    again = rig.client.post("/users", json=ADA, headers=headers)
    assert again.json()["data"]["operation_id"] == operation_id
    assert again.headers["idempotent-replayed"] == "true"
    assert rig.backlog() == 2
    rig.to_database.heal()
    start_writer()
    rig.wait_until_applied(f"/operations/{operation_id}")
    assert rig.count("users") == 2
