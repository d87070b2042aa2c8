"""Access: API keys and their scopes, in both profiles."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import keys, processes
from tests.integration.test_api_accepts import ADA, error_of
from tests.servers import Database, RedisServer, wait_until


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[tuple[httpx.Client, Path]]:
    """A client of an api in production, and its keys file."""
    folder = tmp_path_factory.mktemp("closed")
    service = processes.api(folder, redis_server.address, database.dsn, HOLDFAST_PROFILE="production").start()
    with service.client() as client:
        yield client, folder / "keys"
    service.kill()


@pytest.mark.parametrize(
    ("key", "reading", "writing"),
    [
        (None, 401, 401),
        ("nonsense", 401, 401),
        (keys.READER, 200, 403),
        (keys.WRITER, 200, 202),
        (keys.OPERATOR, 200, 202),
    ],
)
def test_a_scope_for_each_thing(
    closed: tuple[httpx.Client, Path], clean_redis: RedisServer, key: str | None, reading: int, writing: int
) -> None:
    """A missing or unknown key gets 401 and a key without the scope gets 403, both with a `WWW-Authenticate` header
    that says what is required."""
    client, _ = closed
    headers = keys.bearer(key) if key else {}
    answers = [client.get("/users", headers=headers), client.post("/users", json=ADA, headers=headers)]
    assert [answer.status_code for answer in answers] == [reading, writing]
    for answer in answers:
        if answer.status_code in (401, 403):
            assert error_of(answer)["type"] == "authentication_error"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "x-request-id" in answer.headers


def test_what_an_orchestrator_asks_is_open(closed: tuple[httpx.Client, Path]) -> None:
    """The health, metrics and OpenAPI routes require no key."""
    client, _ = closed
    for path in ("/livez", "/readyz", "/health", "/metrics", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_there_is_no_panic_outside_a_demo(closed: tuple[httpx.Client, Path]) -> None:
    """Outside the demo profile `/panic` is an unknown path with a 404."""
    client, _ = closed
    answer = client.get("/panic", headers=keys.bearer(keys.READER))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "PATH_NOT_FOUND")


def test_another_scheme_has_an_answer_of_its_own(closed: tuple[httpx.Client, Path]) -> None:
    """Basic credentials are not looked up; they get 401 with NOT_AUTHENTICATED."""
    client, _ = closed
    answer = client.get("/users", auth=("user", "password"))
    assert (answer.status_code, error_of(answer)["code"]) == (401, "NOT_AUTHENTICATED")


def test_a_revoked_key_ends_and_a_broken_file_changes_nothing(closed: tuple[httpx.Client, Path]) -> None:
    """The api reads its keys file again when the file changes, so a revoked key gets 401, and a malformed file is not
    taken over."""
    client, path = closed
    before = path.read_text()
    headers = keys.bearer(keys.READER)
    path.write_text("nonsense\n")
    wait_until(lambda: client.get("/users", headers=keys.bearer("x")).status_code == 401, what="looked at")
    assert client.get("/users", headers=headers).status_code == 200
    path.write_text("".join(line for line in before.splitlines(True) if keys.READER not in line))
    wait_until(lambda: client.get("/users", headers=headers).status_code == 401, what="revoked")
    path.write_text(before)
    wait_until(lambda: client.get("/users", headers=headers).status_code == 200, what="given back")


def test_production_does_not_start_open(tmp_path: Path, redis_server: RedisServer, database: Database) -> None:
    """In production, an api without a keys file exits with code 2 and names the missing setting."""
    service = processes.api(
        tmp_path, redis_server.address, database.dsn, HOLDFAST_PROFILE="production", HOLDFAST_KEYS_FILE=""
    )
    service.start(wait=False)
    assert service.wait() == 2
    assert "HOLDFAST_KEYS_FILE" in service.log.read_text()
