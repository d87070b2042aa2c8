"""The command line against a real dlq_admin: from a list of dead letters to a decision, as in a script."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.services.dlq_admin.cli.main import main
from holdfast.shared.queue.names import DEAD
from tests import keys, letters, processes
from tests.conftest import ROOT, empty
from tests.servers import START_DEADLINE_S, Database, RedisServer, wait_until


class Output(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


@pytest.fixture
def service(clean_redis: RedisServer, database: Database, tmp_path: Path) -> Iterator[processes.Service]:
    """A dlq_admin without dead letters."""
    empty(database)
    service = processes.dlq_admin(tmp_path, clean_redis.address, database.dsn).start()
    yield service
    service.kill()


def test_it_starts_without_the_service(service: processes.Service) -> None:
    """`python -m holdfast.services.dlq_admin COMMAND` runs without importing the libraries that only the service
    needs."""
    environment = {"PATH": "/usr/bin:/bin", "HOLDFAST_DLQ_URL": service.url, "HOLDFAST_DLQ_KEY": keys.VIEWER}
    command = [sys.executable, "-X", "importtime", "-m", "holdfast.services.dlq_admin", "overview"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=START_DEADLINE_S, check=False
    )
    assert (done.returncode, done.stdout.startswith("dead letters")) == (0, True)
    assert not [name for name in ("fastapi", "redis", "pydantic", "sqlalchemy") if f" {name}\n" in done.stderr]


def test_see_try_change_decide_and_undo(
    service: processes.Service,
    clean_redis: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command works from a list of dead letters to a decision, and the audit has what the last ones did."""
    monkeypatch.setenv("HOLDFAST_DLQ_URL", service.url)

    def run(*words: str, code: int = 0, key: str = keys.OPERATOR) -> Output:
        monkeypatch.setenv("HOLDFAST_DLQ_KEY", key)
        done = main(words)
        output = Output(*capsys.readouterr())
        assert done == code, output
        return output

    def data(*words: str) -> Any:
        return json.loads(run(*words, "--json").stdout)["data"]

    with clean_redis.client() as redis:
        mine, *_ = (redis.xadd(DEAD, letters.fields(name="Ottilie")).decode() for _ in range(3))
        wait_until(lambda: redis.xlen(DEAD) == 0, what="indexed")
    [group] = data("groups")
    which = ("--fingerprint", group["fingerprint"])
    for words in (("overview",), ("groups",), ("groups", group["fingerprint"]), ("letters", *which),
                  ("show", mine), ("replays",), ("audit",), ("what-if", *which)):  # fmt: skip
        assert run(*words).stdout
    assert data("what-if", *which)["count"] == 3
    run("note", group["fingerprint"], "wait for the next build")

    payload = '{"name": "Ada", "email": "ada@example.com"}'
    edit = ("edit", mine, "--payload", payload, "--reason", "it was cut")
    assert "Nothing was done" in run(*edit, "--dry-run").stdout
    run(*edit)
    assert data("show", mine)["edit"] == 1
    run("revert", mine, "--reason", "it was right before")

    patch = ("transform", *which, "--patch", '[{"op": "replace", "path": "/payload/name", "value": "Bo"}]')
    assert "--count 3" in run(*patch).stdout
    transform = data(*patch, "--count", "3", "--reason", "too long")["transform_id"]
    back = ("transform-revert", str(transform))
    assert "--count 3" in run(*back).stdout
    run(*back, "--count", "3", "--reason", "the wrong field")

    refused = run("discard", *which, "--count", "2", "--reason", "test data", code=1)
    assert "actual_count: 3" in refused.stderr
    assert "COUNT_MISMATCH" in refused.stderr
    run("discard", *which, "--count", "3", "--reason", "test data")
    run("restore", *which, "--count", "3", "--reason", "a mistake")

    out = tmp_path / "letters.ndjson"
    assert run("export", *which, "--out", str(out), "--reason", "a copy").stdout.startswith("3 letters")
    assert "new           0" in run("import", str(out), key=keys.ADMIN).stdout
    run("import", str(out), "--count", "0", "--reason", "none is new", key=keys.ADMIN)

    assert "--count 3" in run("replay", *which, "--canary", "1", "--rate", "50").stdout
    replay = data("replay", *which, "--count", "3", "--reason", "try it", "--canary", "none")["id"]
    run("pause", str(replay), "--reason", "wait")
    assert run("replay-show", str(replay), "--watch", code=1).stdout.startswith(f"replay {replay}: paused")
    run("recall", str(replay), "--reason", "not yet")
    assert run("replay-show", str(replay), "--watch").stdout.splitlines()[-1].startswith(f"replay {replay}: recalled")
    run("replay-show", str(replay), "--outcome", "recalled", "--outcome", "withdrawn")
    assert data("letters", *which, "--filter", "state=dead") != []
    assert "NOT_ALLOWED" in run("discard", *which, key=keys.VIEWER, code=1).stderr
    assert "NOT_AUTHENTICATED" in run("overview", key="nobody", code=1).stderr
    assert [entry["action"] for entry in data("audit")][:3] == ["recall", "pause", "replay"]
