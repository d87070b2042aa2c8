"""Conditions of writes are decided where the write is applied: a write that fails one gets 412 or a rejected operation,
and changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.client import WAIT
from tests.integration.test_api_accepts import error_of, key
from tests.integration.test_api_with_writer import create
from tests.servers import wait_until

pytestmark = pytest.mark.usefixtures("writer")

#: Header sets that hold. `{now}` stands for the current version, `{old}` for an earlier one.
_HOLD = [
    [("If-Match", '"{now}"')], [("If-Match", '"{old}", "{now}"')], [("If-Match", '"{old}"'), ("If-Match", '"{now}"')],
    [("If-Match", "*")], [("If-Match", '"a,b" , "{now}"')], [("If-None-Match", '"{old}"')],
    [("If-None-Match", 'W/"{old}", "other"')], [("If-Match", '"{now}"'), ("If-None-Match", '"{old}"')],
]  # fmt: skip
_FAIL = [
    [("If-Match", '"{old}"')], [("If-Match", 'W/"{now}"')], [("If-Match", '"0{now}"')], [("If-Match", '"some,{now}"')],
    [("If-None-Match", '"{now}"')], [("If-None-Match", 'W/"{now}"')], [("If-None-Match", "*")],
    [("If-None-Match", '"{old}"'), ("If-None-Match", 'W/"{now}"')],
    [("If-Match", '"{now}"'), ("If-None-Match", '"{now}"')], [("If-Match", '"{old}"'), ("If-None-Match", '"{old}"')],
]  # fmt: skip
_NONSENSE = [[("If-Match", "7")], [("If-None-Match", '"7')], [("If-None-Match", '*, "7"')], [("If-Match", "")]]

Headers = list[tuple[str, str]]


def sent(headers: Headers, now: int) -> Headers:
    """Return the headers with the versions filled in, and with a preference to wait until the write has ended."""
    return [*WAIT.items(), *((name, value.format(now=now, old=now - 1)) for name, value in headers)]


def change(api: httpx.Client, method: str, path: str, headers: Headers) -> httpx.Response:
    """Send a change of the user at `path` and return the answer."""
    body = {"PUT": {"name": "New", "email": "new@example.com"}, "PATCH": {"name": "New"}, "DELETE": None}[method]
    return api.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_conditions_that_hold_and_that_do_not(api: httpx.Client, method: str) -> None:
    """A failed condition gets 412 and a malformed one 400, both of which leave the user and its version unchanged;
    writes whose conditions hold are applied."""
    path = f"/users/{create(api)['id']}"
    before = api.get(path).json()["data"]
    for headers in _FAIL:
        refused = change(api, method, path, sent(headers, before["version"]))
        assert (refused.status_code, error_of(refused)["code"]) == (412, "PRECONDITION_FAILED"), headers
        details = error_of(refused)["details"]
        assert (details["field"], details["current"]) in [(name, f'"{before["version"]}"') for name, _ in headers] + [
            ("If-Match", None)  # impossible version: refused without a lookup
        ]
    for headers in _NONSENSE:
        refused = change(api, method, path, headers)
        assert (refused.status_code, error_of(refused)["code"]) == (400, "INVALID_CONDITION"), headers
    assert api.get(path).json()["data"] == before
    for headers in _HOLD if method != "DELETE" else _HOLD[1:2]:
        now = api.get(path).json()["data"]["version"]
        assert change(api, method, path, sent(headers, now)).status_code == 200, headers


def test_a_missing_user_is_missing_whatever_the_conditions(api: httpx.Client) -> None:
    """A write to a missing user gets 404 whatever its conditions are."""
    path = "/users/01890000-0000-7000-8000-000000000000"
    for headers in ([("If-Match", '"7"')], [("If-Match", "*")], [("If-None-Match", "*")], [("If-None-Match", '"7"')]):
        assert change(api, "PATCH", path, sent(headers, 7)).status_code == 404, headers


def test_a_new_user_has_no_version(api: httpx.Client) -> None:
    """A create with `If-None-Match: *` succeeds, and a create with any If-Match gets 412, because a new user has no
    version."""
    ada = {"name": "Ada", "email": "ada@example.com"}
    for value in ('"7"', "*"):
        refused = api.post("/users", json=ada, headers=WAIT | {"If-Match": value})
        assert (refused.status_code, error_of(refused)["code"]) == (412, "PRECONDITION_FAILED")
        assert {"field": "If-Match", "current": None}.items() <= error_of(refused)["details"].items()
    assert api.get("/users").json()["data"] == []
    assert api.post("/users", json=ada, headers=WAIT | {"If-None-Match": "*"}).status_code == 201


def test_queued_and_refused_is_rejected_on_the_operation(api: httpx.Client) -> None:
    """A conditional write that does not wait is accepted, and its operation is rejected with the failed condition."""
    path = f"/users/{create(api)['id']}"
    etag = api.get(path).headers["etag"]
    location = api.patch(path, json={"name": "New"}, headers={"If-None-Match": f"W/{etag}"}).headers["location"]
    wait_until(lambda: api.get(location).json()["data"]["done"], what="done")
    operation = api.get(location).json()["data"]
    assert (operation["status"], operation["error"]["code"]) == ("rejected", "PRECONDITION_FAILED")
    assert operation["error"]["details"] == {"field": "If-None-Match", "current": etag}
    assert api.get(path).headers["etag"] == etag


def test_of_many_at_once_for_one_version_one_is_applied(api: httpx.Client) -> None:
    """Of 16 concurrent updates with the same two versions in If-Match exactly one is applied, and the others get
    412."""
    path = f"/users/{create(api)['id']}"
    etag = api.get(path).headers["etag"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda number: api.patch(path, json={"name": f"N{number}"}, headers=WAIT | {"If-Match": f'"1", {etag}'}),
            range(16),
        ))  # fmt: skip
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 15


def test_the_same_key_with_other_conditions_is_another_request(api: httpx.Client) -> None:
    """A repetition with other conditions gets 422, because conditions belong to the request; the same conditions in
    another spelling are a repetition."""
    path = f"/users/{create(api)['id']}"
    now = api.get(path).json()["data"]["version"]
    headers = list(key().items())

    def patch(*conditions: tuple[str, str]) -> int:
        return api.patch(path, json={"name": "New"}, headers=[*WAIT.items(), *headers, *conditions]).status_code

    assert patch(("If-Match", f'"1", "{now}"')) == 200
    assert patch(("If-Match", f'"{now}"'), ("If-Match", '"1"')) == 200
    assert patch(("If-Match", f'"{now}"')) == 422
    assert patch(("If-Match", f'"1", "{now}"'), ("If-None-Match", '"2"')) == 422
