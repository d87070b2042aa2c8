"""Failures of real processes: a dependency goes away, clients get errors and copies, and an operator sees the cause."""

from pathlib import Path
from typing import Any

import httpx

from tests import keys
from tests.client import fetch
from tests.processes import Service, api, dlq_admin
from tests.servers import Database, RedisServer, free_port, wait_until

KEY = {"Authorization": f"Bearer {keys.OPERATOR}"}


def test_a_third_party_that_is_away_is_named(
    clean_redis: RedisServer, clean_database: Database, tmp_path: Path
) -> None:
    """A third party that is down appears as a group with route, code and dependency, for all replicas together, with
    request ids that lead to explanations. The group survives a restart of the api."""
    gone = {"HOLDFAST_API_EXTERNAL_PROXY_URL": f"http://127.0.0.1:{free_port()}"}
    stores = (clean_redis.address, clean_database.dsn)
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()
    apis = [api(folder, *stores, HOLDFAST_INSTANCE=f"api-{folder.name}", **gone) for folder in folders]
    admin = dlq_admin(tmp_path, *stores)
    try:
        for each in (*apis, admin):
            each.start()
        for each in apis:
            assert fetch("GET", f"{each.url}/external-api").status_code >= 500
            assert fetch("GET", f"{each.url}/users/nonsense").status_code == 404
        wait_until(lambda: _count(admin) >= 2)
        (group,) = _groups(admin)
        assert (group["code"], group["dependency"]) == ("EXTERNAL_PROXY_UNAVAILABLE", "external_proxy")
        assert group["clients"] == 1
        explained = f"{admin.url}/requests/{group['samples'][0]}"
        wait_until(lambda: fetch("GET", explained, headers=KEY).status_code == 200)
        mistakes = _ask(admin, "mistakes=true").json()["data"]["groups"]
        assert "mistake" in {each["trouble"] for each in mistakes}
        assert _ask(admin, "minutes=0").status_code == 422
        assert fetch("GET", f"{admin.url}/failures").status_code == 401

        apis[0].kill()
        apis[0].start()
        fetch("GET", f"{apis[0].url}/external-api")
        wait_until(lambda: _count(admin) >= 3)
    finally:
        for each in (*apis, admin):
            each.kill()


def _ask(admin: Service, query: str) -> httpx.Response:
    return fetch("GET", f"{admin.url}/failures?{query}", headers=KEY)


def _groups(admin: Service) -> list[dict[str, Any]]:
    answer = _ask(admin, "route=/external-api")
    assert answer.status_code == 200, answer.text
    groups: list[dict[str, Any]] = answer.json()["data"]["groups"]
    return groups


def _count(admin: Service) -> int:
    return sum(each["count"] for each in _groups(admin))
