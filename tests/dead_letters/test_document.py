"""dlq_admin's OpenAPI document, checked against the running service by schemathesis: no 5xx, answers as documented."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests import keys, letters, processes
from tests.integration.test_openapi import session as session
from tests.servers import Database, RedisServer, wait_until

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """A dlq_admin with five dead letters."""
    with redis_server.client() as redis:
        redis.flushall()
        for number in range(5):
            redis.xadd("{holdfast}:dead", letters.fields(code=str(number)), id=f"1764000000000-{number + 1}")
    service = processes.dlq_admin(tmp_path_factory.mktemp("dlq"), redis_server.address, database.dsn).start()
    with redis_server.client() as redis:
        wait_until(lambda: redis.xlen("{holdfast}:dead") == 0, what="indexed")
    yield service
    service.kill()


@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid"])
def test_dlq_admin_does_what_its_document_says(
    service: processes.Service, session: requests.Session, valid: bool
) -> None:
    """Every operation answers as documented, with valid and with invalid input."""
    import schemathesis

    from tests.integration.conformity import CHECKS as _CHECKS
    from tests.integration.conformity import CONFIG

    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
    document = schemathesis.openapi.from_url(f"{service.url}/openapi.json", config=CONFIG)
    answered: Counter[str] = Counter()
    for result in document.get_all_operations():
        operation = result.ok()
        if operation.path == "/dlq/import":
            continue  # a schema cannot describe its lines; test_rest.py tests them

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
        def conforms(case: schemathesis.Case) -> None:
            headers = {"Connection": "close"} | keys.in_both(keys.ADMIN)
            answer = case.call_and_validate(checks=_CHECKS, session=session, headers=headers)
            answered[f"{case.method} {case.path}: {answer.status_code}"] += 1

        try:
            conforms()
        except Unsatisfiable:
            assert not valid, f"no valid input for {operation.label}"
    assert len(answered) >= 9, answered
