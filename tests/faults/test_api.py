"""The api itself: one of its processes hangs, its clients disconnect in the middle, or all of them wait for a database
that hangs."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from deploy.faults.faults import Faults, WayFaults
from tests import processes
from tests.faults.conftest import StartWriter
from tests.faults.rig import NOBODY, Rig, within
from tests.integration.test_api_accepts import ADA, key
from tests.servers import wait_until


@pytest.fixture
def other(rig: Rig, tmp_path: Path) -> Iterator[httpx.Client]:
    """A second api on the same servers."""
    service = processes.api(tmp_path, rig.queue.address, rig.database.dsn, HOLDFAST_INSTANCE="api-other").start()
    with service.client() as client:
        yield client
    service.kill()


#: The size of anyio's thread pool, which blocking routes share.
_SHARED_THREADS = 40
#: How a request whose caller has disconnected ends: it was accepted already, or was not begun.
_ENDS = (
    'holdfast_writes_accepted_total{result="repeated"}',
    'holdfast_http_requests_total{method="POST",route="/users",status="499"}',
)


def test_one_hung_process_does_not_stop_the_other(rig: Rig, other: httpx.Client, start_writer: StartWriter) -> None:
    """While one process hangs, its request succeeds at the other process with the same key. When the first wakes up, it
    repeats the request or finds its caller gone, and there is one write."""
    headers = key()
    rig.api.freeze()
    try:
        with pytest.raises(httpx.ReadTimeout):
            rig.client.post("/users", json=ADA, headers=headers, timeout=0.5)
        with within():
            answer = other.post("/users", json=ADA, headers=headers)
            assert answer.status_code == 202
            assert other.get(f"/users/{answer.json()['data']['id']}").json()["data"]["name"] == "Ada"
    finally:
        rig.api.thaw()
    wait_until(lambda: rig.client.get("/livez").status_code == 200, what="awake")
    wait_until(lambda: any(map(rig.api.metric, _ENDS)), what="done with it")
    assert rig.backlog() == 1
    start_writer()
    wait_until(lambda: rig.backlog() == 0, what="applied")
    assert rig.count("users") == 1


def test_callers_who_go_away_harm_nobody(rig: Rig) -> None:
    """Callers that disconnect in the middle of a body, a read or a write leave no partial or second write and open no
    breaker."""
    rig.known_user()
    rig.to_database.set(Faults(down=WayFaults(latency_ms=100)))
    address = ("127.0.0.1", rig.api.port)
    head = b"POST /users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 46\r\n"
    sent = key()["Idempotency-Key"]
    whole = head + f"Idempotency-Key: {sent}\r\n\r\n".encode() + b'{"name": "Eve", "email": "eve@example.com"}   '
    for request in (head + b'\r\n{"name": "Bob"', f"GET {NOBODY} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), whole):
        for _ in range(10):
            with socket.create_connection(address, timeout=60) as caller:
                caller.sendall(request)

    def taken() -> bool:
        with socket.create_connection(address, timeout=60) as caller:
            caller.sendall(whole)
            return rig.backlog() == 1

    wait_until(taken, what="a whole request is taken before its caller is seen to be gone")
    again = rig.client.post(
        "/users", json={"name": "Eve", "email": "eve@example.com"}, headers={"Idempotency-Key": sent}
    )
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert rig.backlog() == 1
    breakers = rig.client.get("/circuit-breaker/status").json()["data"]["circuit_breakers"]
    assert {breaker["state"] for breaker in breakers} == {"closed"}
    assert rig.api.metric("holdfast_panics_total") == 0


def test_health_answers_while_sixty_callers_hang(rig: Rig) -> None:
    """Health routes answer before any of the waiting callers, when more callers wait than the shared pool has threads,
    and every caller is answered."""
    rig.database.freeze()
    with httpx.Client(base_url=rig.client.base_url, timeout=60) as health, ThreadPoolExecutor(60) as pool:
        health.get("/livez")
        hung = [pool.submit(rig.client.get, NOBODY) for _ in range(60)]

        def answered() -> bool:
            return any(one.done() for one in hung)

        def many() -> bool:
            return rig.api.metric("holdfast_http_requests_in_flight") > _SHARED_THREADS

        wait_until(lambda: answered() or many(), what="many callers hang")
        assert {health.get(path).status_code for path in ("/health", "/livez", "/readyz")} == {200}
        assert not answered()
        assert {one.result().status_code for one in hung} == {503}
    rig.database.thaw()
    wait_until(lambda: rig.client.get(NOBODY).status_code == 404, what="it heals by itself")
