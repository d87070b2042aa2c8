"""The OpenAPI document, checked against the running api by schemathesis: no 5xx, every answer in its schema."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests import keys, processes
from tests.external import PATIENT
from tests.servers import Database, RedisServer, wait_until

if TYPE_CHECKING:
    import schemathesis

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One session for all cases, because each new session would look for proxies, certificates and a password."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def api_service(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: RedisServer,
    database: Database,
    _third_party: processes.ThirdParty,
) -> Iterator[processes.Service]:
    """An api with a proxy and a third party behind it."""
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("whole")
    proxy = processes.external_proxy(folder, redis_server.address, _third_party.url, PATIENT).start()
    service = processes.api(folder, redis_server.address, database.dsn, HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url)
    yield service.start()
    service.kill()
    proxy.kill()


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid"])
def test_the_api_does_what_its_document_says(api: httpx.Client, session: requests.Session, valid: bool) -> None:
    """Every operation of the api answers valid and invalid input as its document says."""
    import schemathesis

    from tests.integration.conformity import CHECKS as _CHECKS
    from tests.integration.conformity import CONFIG

    mode = schemathesis.GenerationMode.POSITIVE if valid else schemathesis.GenerationMode.NEGATIVE
    document = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json", config=CONFIG)
    answered: Counter[str] = Counter()
    for result in document.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=40, derandomize=True, suppress_health_check=list(HealthCheck))
        def conforms(case: schemathesis.Case) -> None:
            answer = _answer(case, session)
            case.validate_response(answer, checks=_CHECKS)
            answered[f"{case.method} {case.path}: {answer.status_code}"] += 1

        try:
            conforms()
        except Unsatisfiable:
            assert not valid, f"no valid input for {operation.label}"
    assert len(answered) >= 9, answered


def _answer(case: "schemathesis.Case", session: requests.Session) -> "schemathesis.Response":
    """Return the answer to a case, and repeat the request while the api is overloaded."""
    answers: list[schemathesis.Response] = []

    def not_turned_away() -> bool:
        answers[:] = [case.call(session=session, headers={"Connection": "close"} | keys.in_both(keys.ADMIN))]
        return b'"OVERLOADED"' not in answers[0].content

    wait_until(not_turned_away, what="an answer")
    return answers[0]
