"""The queue and the database away at once: writes are refused definitely; copies are still read."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from deploy.faults.faults import Faults, LoseReply
from tests.client import WAIT
from tests.faults.conftest import StartWriter
from tests.faults.rig import AWAY, HEALING_S, NOBODY, SILENT, Rig, refused, stale, within
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.processes import Service
from tests.servers import wait_until

EVE = {"name": "Eve", "email": "eve@example.com"}


def test_away(rig: Rig, writer: Service) -> None:
    """With both stores away a write is refused with a definite 503; the same key works when both are back, and there is
    one user."""
    path = rig.known_user()
    rig.to_queue.set(AWAY)
    rig.to_database.set(AWAY)
    headers = key()
    with within():
        refused(rig.client.post("/users", json=EVE, headers=headers), 503, "WRITES_UNAVAILABLE")
    and_so_is_everything_else(rig, path)
    heals(rig, path, headers)


@pytest.mark.hangs
def test_hung(rig: Rig, writer: Service) -> None:
    """While both stores hang, the first write waits and ends as unknown, because the queue hangs with the command. Once
    both breakers are open, the refusal is immediate and definite."""
    path = rig.known_user()
    rig.warm_up()
    # The queue does not hang as a whole: if another call used the only open connection, nothing would be sent for this
    # one.
    rig.to_queue.set(Faults(lose_reply=LoseReply("EVALSHA", then="hang")))
    rig.to_database.set(SILENT)
    headers = key()
    with within():
        refused(rig.client.post("/users", json=EVE, headers=headers), 504, "ACCEPTANCE_UNKNOWN", definite=False)
    rig.to_queue.set(SILENT)

    def refused_at_once() -> bool:
        began = time.monotonic()
        error = error_of(rig.client.post("/users", json=EVE | {"email": "x@example.com"}))
        at_once = time.monotonic() - began < 0.2
        return at_once and error["code"] == "WRITES_UNAVAILABLE" and error["definite"]

    with ThreadPoolExecutor(6) as callers:
        list(callers.map(rig.client.get, [NOBODY] * 6))
    wait_until(refused_at_once, HEALING_S, "refused at once")
    and_so_is_everything_else(rig, path)
    heals(rig, path, headers)


def and_so_is_everything_else(rig: Rig, path: str) -> None:
    """Assert that known users are read from copies, that an unknown one is a 503, and that health routes answer."""
    with within():
        assert stale(rig.client.get(path))
        assert rig.client.get(NOBODY).status_code == 503
        assert rig.client.get("/operations/" + NOBODY.removeprefix("/users/")).status_code == 503
        assert [rig.client.get(each).status_code for each in ("/livez", "/readyz", "/health")] == [200, 200, 200]


def heals(rig: Rig, path: str, headers: dict[str, str]) -> None:
    """Heal both stores, and assert that the write that was refused or unknown is done once."""
    rig.to_queue.heal()
    rig.to_database.heal()
    rig.wait_until_fresh(path)
    assert rig.sent("POST", "/users", 201, json=EVE, headers=headers | WAIT)
    assert rig.count("users WHERE email = 'eve@example.com'") == 1


def test_an_acceptance_without_an_answer_is_found_again(rig: Rig, start_writer: StartWriter) -> None:
    """If the queue accepted a write, its replies were lost and the database was away, the answer is 504 with an
    operation. The same key then leads to that operation, and to one write."""
    rig.warm_up()
    rig.to_database.set(AWAY)
    rig.to_queue.set(Faults(lose_reply=LoseReply("EVALSHA", times=2)))
    headers = key()
    with within():
        error = refused(rig.client.post("/users", json=ADA, headers=headers), 504, "ACCEPTANCE_UNKNOWN", definite=False)
    operation_id = error["details"]["operation_id"]
    rig.to_queue.heal()
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers.append(rig.client.post("/users", json=ADA, headers=headers))
        return answers[-1].status_code == 202

    wait_until(answered, HEALING_S, "it heals")
    assert answers[-1].json()["data"]["operation_id"] == operation_id
    assert answers[-1].headers["idempotent-replayed"] == "true"
    assert rig.entries_of(operation_id) == 1
    rig.to_database.heal()
    start_writer()
    rig.wait_until_applied(f"/operations/{operation_id}")
    assert rig.count("users WHERE email = 'ada@example.com'") == 1
