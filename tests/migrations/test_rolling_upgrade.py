"""A rolling upgrade from a build that knew only users: with writes on the stream, copies and rows, nothing is lost."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests import keys, processes
from tests.client import WAIT, client_of, fetch
from tests.conftest import ROOT, migrate
from tests.migrations.conftest import Schema
from tests.processes import PATIENT_API, QUICK
from tests.servers import START_DEADLINE_S, RedisServer, free_port, wait_until

#: The last build whose wire, keys and columns are named after `user`.
BEFORE = "748c0cb"
_SECRET = "a secret of the tests"  # noqa: S105 - of services that go away


class EarlierBuild:
    """The files of that build, and its services."""

    def __init__(self, folder: Path, redis: RedisServer, dsn: str) -> None:
        self._folder = folder / "before"
        self._folder.mkdir()
        archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=self._folder, input=archive, check=True)
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")},
            "REDIS_ADDR": f"redis://{redis.address}",
            "DB_DSN": dsn,
            "HOLDFAST_PROFILE": "demo",
            "HOLDFAST_INSTANCE": "before",
            "HOLDFAST_REVISION": BEFORE,
        }

    def migrate(self) -> None:
        """Migrate the database to that build's newest revision."""
        command = [sys.executable, "-m", "alembic", "-c", "deploy/migrations/alembic.ini", "upgrade", "head"]
        done = subprocess.run(command, cwd=self._folder, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def start(self, service: str, stack: ExitStack, **more: str) -> tuple["subprocess.Popen[bytes]", str]:
        """Start a service, wait until it answers, and return its process and URL; it ends with the stack."""
        port = free_port()
        environment = self._environment | {f"HOLDFAST_{service.upper()}_PORT": str(port)} | more
        log = stack.enter_context((self._folder / f"{service}-{port}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", f"services.{service}"], cwd=self._folder, env=environment, stdout=log, stderr=log
        )
        stack.callback(process.wait, START_DEADLINE_S)
        stack.callback(process.kill)

        def alive() -> bool:
            assert process.poll() is None, Path(log.name).read_text()[-3000:]
            try:
                return fetch("GET", f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(alive, what=f"the earlier {service}")
        return process, f"http://127.0.0.1:{port}"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """An exit stack that ends with the test."""
    with ExitStack() as stack:
        yield stack


def _post(api: httpx.Client, name: str, **headers: str) -> httpx.Response:
    answer = api.post("/users", json={"name": name, "email": f"{name}@example.com"}, headers=headers)
    # A new api bypasses the queue while an earlier writer runs, or has just run.
    assert answer.status_code in (201, 202), answer.text
    return answer


def _status(api: httpx.Client, answer: httpx.Response) -> str:
    return str(api.get(answer.headers["location"]).json().get("data", {}).get("status"))


def _names(api: httpx.Client) -> list[str]:
    return sorted(user["name"] for user in api.get("/users", params={"limit": 100}).json()["data"])


def test_nothing_is_lost(own_redis: RedisServer, schema: Schema, tmp_path: Path, stack: ExitStack) -> None:
    """When the database is migrated, then writers and then apis are replaced, every write that was accepted before or
    meanwhile is applied once and in order."""
    earlier = EarlierBuild(tmp_path, own_redis, schema.dsn)
    earlier.migrate()
    secret = {"HOLDFAST_API_IDEMPOTENCY_SECRET": _SECRET, "HOLDFAST_API_HEARTBEAT_S": "0"}
    _, url = earlier.start("api", stack, HOLDFAST_KEYS_FILE=str(keys.written_to(tmp_path)), **secret, **PATIENT_API)
    old = stack.enter_context(client_of(url))
    writer, _ = earlier.start("writer", stack)
    redis = stack.enter_context(own_redis.client())

    def settled() -> bool:
        return bool(redis.xlen("{holdfast}:writes") == 0)

    ann, bob, gone = (_post(old, name) for name in ("ann", "bob", "gone"))
    wait_until(settled, what="the rows of before")
    path = {name: each.json()["meta"]["user"] for name, each in (("ann", ann), ("bob", bob), ("gone", gone))}
    assert old.delete(path["gone"]).status_code == 202
    redis.xadd("{holdfast}:writes", {"schema": "1", "command": "CreateUser", "payload": "{"})
    wait_until(settled, what="a tombstone and a dead letter of before")
    assert old.get(path["ann"]).json()["data"]["name"] == "ann"

    writer.kill()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    cleo = _post(old, "cleo", **key)
    assert old.patch(path["ann"], json={"email": "free@example.com"}).status_code == 202
    taken = _post(old, "ann")  # the address that Ann releases meanwhile
    path["cleo"] = cleo.json()["meta"]["user"]
    assert old.patch(path["cleo"], json={"name": "cleopatra"}).status_code == 202

    migrate(schema.dsn)
    assert _status(old, bob) == "applied", "the earlier api still reads"
    assert old.get(path["bob"]).json()["data"]["name"] == "bob"
    dora = _post(old, "dora")
    left = redis.xlen("{holdfast}:writes")
    late, _ = earlier.start("writer", stack)
    log = sorted((tmp_path / "before").glob("writer-*.log"), key=os.path.getmtime)[-1]
    wait_until(lambda: b"control_write_failed" in log.read_bytes(), what="the earlier writer holds")
    assert (redis.xlen("{holdfast}:writes"), redis.keys("{holdfast}:attempts:*")) == (left, [])
    late.kill()

    for service in (
        processes.writer(tmp_path, own_redis.address, schema.dsn, **QUICK),
        new_api := processes.api(tmp_path, own_redis.address, schema.dsn, **secret),
    ):
        stack.callback(service.kill)
        service.start()
    new = stack.enter_context(new_api.client())
    eve = _post(old, "eve")
    wait_until(settled, what="everything is done")
    assert [_status(new, each) for each in (ann, bob, gone, cleo, taken, dora, eve)] == ["applied"] * 7
    assert _names(new) == ["ann", "ann", "bob", "cleopatra", "dora", "eve"]
    assert new.get(path["ann"]).json()["data"]["email"] == "free@example.com"
    assert new.get(path["gone"]).status_code == 404
    again = _post(new, "cleo", **key)
    assert cleo.headers["location"].endswith(again.json()["data"]["operation_id"])
    refused = new.post("/users", json={"name": "x", "email": "ann@example.com"}, headers=WAIT)
    assert refused.json()["error"]["code"] == "EMAIL_TAKEN"
    assert old.get(path["cleo"]).json()["data"]["name"] == "cleopatra", "and beside the new api, the earlier one reads"

    dlq_admin = processes.dlq_admin(tmp_path, own_redis.address, schema.dsn)
    stack.callback(dlq_admin.kill)
    dlq_admin.start()
    admin = stack.enter_context(dlq_admin.client(headers=keys.bearer(keys.OPERATOR)))
    wait_until(lambda: len(admin.get("/dlq/letters").json()["data"]) == 1, what="the letter of before")
    wait_until(lambda: (admin.get("/ledger").json()["data"] or {}).get("missing") == 0, what="the ledger balances")
