"""The client library against the real api, while every process behind the api is killed."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import holdfast_client as hc
from tests import processes
from tests.alive import Process
from tests.client import RESPONSE_DEADLINE_S
from tests.servers import Database, RedisServer

_CALLERS, _EACH = 4, 6
#: Limits for a busy machine: time enough to start all processes again, and as many attempts as that takes.
_PATIENT = hc.RetryPolicy(timeout_s=RESPONSE_DEADLINE_S, attempts_max=10_000, cap_s=0.5)


@pytest.fixture
def stack(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[list[processes.Service]]:
    """An api and a writer, on stores that may be killed."""
    at = (tmp_path, own_redis.address, own_database.dsn)
    services = [processes.api(*at, HOLDFAST_API_RATE_WRITES_PER_MIN="100000"), processes.writer(*at, **processes.QUICK)]
    yield [service.start() for service in services]
    for service in services:
        service.kill()


def test_each_write_takes_effect_once_whatever_is_killed_under_it(
    stack: list[processes.Service], own_redis: RedisServer, own_database: Database
) -> None:
    """While callers create and rename users, each process is killed and started again. No call fails, each user exists
    once with its last name, and a repeated key returns the same write."""
    run, progress = uuid.uuid4().hex[:8], threading.Semaphore(0)
    with hc.Client(stack[0].url, policy=_PATIENT, budget=hc.RetryBudget(1, 10_000), verify=False) as holdfast:

        def call(caller: int) -> dict[str, tuple[str, hc.Written]]:
            made = {}
            for number in range(_EACH):
                email = f"{run}-{caller}-{number}@example.com"
                written = holdfast.users.create({"name": "first", "email": email}, wait=True)
                user = holdfast.users.get(written.id, fresh=True)
                holdfast.users.update(user.id, {"name": f"last {number}"}, if_match=user.version, wait=True)
                made[email] = (f"last {number}", written)
                progress.release()
            return made

        with ThreadPoolExecutor(_CALLERS) as pool:
            callers = [pool.submit(call, caller) for caller in range(_CALLERS)]
            victims: list[Process] = [own_redis, *stack, own_database]
            for victim in victims:
                assert progress.acquire(timeout=RESPONSE_DEADLINE_S), "no caller gets on"
                victim.kill()
                victim.start()
            made = {email: end for caller in callers for email, end in caller.result().items()}
        for email, (name, written) in made.items():
            user = holdfast.users.find({"email": email}, fresh=True)
            assert (user.id, user.name) == (written.id, name)
            again = holdfast.users.create({"name": "first", "email": email}, key=written.idempotency_key)
            assert (again.id, again.operation_id) == (written.id, written.operation_id)
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), COUNT(DISTINCT email) FROM users WHERE email LIKE %s", (f"{run}-%",))
        assert cursor.fetchone() == (_CALLERS * _EACH, _CALLERS * _EACH)
