"""Acceptance: what a client is promised. No writer runs, so everything stays queued."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from holdfast.services.api.cursors import cursor_of
from tests import keys, processes, raw
from tests.servers import RedisServer, wait_until

ADA = {"name": "Ada", "email": "ada@example.com"}


def key() -> dict[str, str]:
    """Return a header with a fresh Idempotency-Key."""
    return {"Idempotency-Key": str(uuid.uuid4())}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error of an answer after checking that its envelope is complete."""
    body = answer.json()
    assert set(body) == {"success", "error", "fallback_data"}
    assert body["success"] is False
    assert {"type", "code", "message", "retryable", "request_id", "timestamp"} <= set(body["error"])
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    return dict(body["error"])


def test_a_create_is_accepted_and_readable_at_once(api: httpx.Client) -> None:
    """A create gets 202 with the ids, and the user is readable and marked pending before any writer has seen the
    entry."""
    answer = api.post("/users", json=ADA)
    data = answer.json()["data"]
    assert (answer.status_code, data["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/operations/{data['operation_id']}"

    read = api.get(f"/users/{data['id']}").json()
    assert (read["data"]["name"], read["data"]["email"], read["meta"]["pending"]) == ("Ada", "ada@example.com", True)
    operation = api.get(answer.headers["location"]).json()["data"]
    assert (operation["status"], operation["done"], operation["user_id"]) == ("queued", False, data["id"])


def test_a_read_shows_of_a_queued_write_what_it_will_do(api: httpx.Client) -> None:
    """A read does not show a queued write whose condition fails or which has expired, and shows one whose conditions
    hold. The read is marked pending in either case."""
    path = f"/users/{api.post('/users', json=ADA).json()['data']['id']}"
    etag = api.get(path).headers["etag"]
    for method, body in (("PATCH", {"name": "Not Ada"}), ("PUT", ADA | {"name": "Not Ada"}), ("DELETE", None)):
        for condition in ({"If-Match": '"7"'}, {"If-None-Match": "*"}, {"If-None-Match": f'"7", {etag}'}):
            assert api.request(method, path, json=body, headers=condition).status_code == 202
        assert api.request(method, path, json=body, headers={"X-Expire-After-Ms": "1"}).status_code == 202
        wait_until(lambda: api.get(path).headers.get("etag") == etag, what="the end of the write that expires")
        read = api.get(path).json()
        assert (read["data"]["name"], read["meta"]["pending"]) == ("Ada", True)
    in_time = {"If-Match": etag, "If-None-Match": '"7"', "X-Expire-After-Ms": "60000"}
    assert api.patch(path, json={"name": "Eve"}, headers=in_time).status_code == 202
    assert api.get(path).json()["data"]["name"] == "Eve"
    api.delete(path, headers={"If-Match": api.get(path).headers["etag"]})
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Content-Type", ("application/json", "text/xml")),
        ("Idempotency-Key", ("one", "two")),
        ("Idempotency-Key", ("one", "one")),
        ("X-Expire-After-Ms", ("1000", "60000")),
        ("X-Request-Timeout-Ms", ("5000", "20000")),
        ("Authorization", (f"Bearer {keys.READER}", f"Bearer {keys.WRITER}")),
    ],
)
def test_a_header_that_says_two_things_is_refused(
    api: httpx.Client, redis_server: RedisServer, name: str, values: tuple[str, str]
) -> None:
    """A request with two values for a header that allows one gets 400, and nothing is accepted."""
    answer = api.post(
        "/users",
        content=json.dumps(ADA),
        headers=[("Content-Type", "application/json")] * (name != "Content-Type") + [(name, value) for value in values],
    )
    assert (answer.status_code, error_of(answer)["code"]) == (400, "MALFORMED_HTTP")
    with redis_server.client() as redis:
        assert redis.xlen("{holdfast}:writes") == 0


def test_later_writes_show_on_the_pending_user(api: httpx.Client) -> None:
    """A read of a pending user includes the later queued writes: an update shows, and a delete hides the user."""
    user = api.post("/users", json=ADA).json()["data"]["id"]
    api.patch(f"/users/{user}", json={"name": "Ada King"})
    assert api.get(f"/users/{user}").json()["data"]["name"] == "Ada King"
    api.delete(f"/users/{user}")
    assert api.get(f"/users/{user}").status_code == 404


def test_the_same_key_and_body_get_the_same_answer(api: httpx.Client, redis_server: RedisServer) -> None:
    """Two requests with the same key and body leave one entry on the stream, and the second answer is marked as
    replayed."""
    headers = key()
    first, second = (api.post("/users", json=ADA, headers=headers) for _ in range(2))
    assert first.json()["data"] == second.json()["data"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    with redis_server.client() as redis:
        assert redis.xlen("{holdfast}:writes") == 1


def test_fifty_at_once_with_one_key_are_one_write(api: httpx.Client, redis_server: RedisServer) -> None:
    """Fifty concurrent requests with one key all get the same operation id and leave one entry on the stream."""
    headers = key()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: api.post("/users", json=ADA, headers=headers), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["data"]["operation_id"] for answer in answers}) == 1
    with redis_server.client() as redis:
        assert redis.xlen("{holdfast}:writes") == 1


def test_a_key_reused_for_another_body_is_refused(api: httpx.Client) -> None:
    """A key that is reused with another body gets 422."""
    headers = key()
    api.post("/users", json=ADA, headers=headers)
    answer = api.post("/users", json=ADA | {"name": "Eve"}, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_belongs_to_its_caller(api: httpx.Client) -> None:
    """The same key under another credential is an independent request."""
    headers = key()
    api.post("/users", json=ADA, headers=headers | {"X-API-Key": keys.WRITER})
    eve = {"name": "Eve", "email": "eve@example.com"}
    other = api.post("/users", json=eve, headers=headers | {"X-API-Key": keys.OTHER})
    assert other.status_code == 202
    assert "idempotent-replayed" not in other.headers


def test_a_repetition_while_the_first_still_waits_is_refused(api: httpx.Client, redis_server: RedisServer) -> None:
    """A repetition gets a retryable 409 until the first request, which prefers to wait, is answered; then it gets the
    same answer."""
    headers = key()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.post, "/users", json=ADA, headers=headers | {"Prefer": "wait=2"})
        with redis_server.client() as redis:
            wait_until(lambda: redis.xlen("{holdfast}:writes") == 1, what="the first is accepted")
        seen = set()
        while not waiting.done():
            seen.add(api.post("/users", json=ADA, headers=headers).status_code)
        assert waiting.result().status_code == 202  # no writer runs in this test
    assert 409 in seen
    assert api.post("/users", json=ADA, headers=headers).headers["idempotent-replayed"] == "true"


def test_a_client_that_has_hung_up_waits_for_nothing(
    api: httpx.Client, api_service: processes.Service, redis_server: RedisServer
) -> None:
    """A request ends when its client disconnects, and its key does not block the next attempt."""
    body, headers = json.dumps(ADA).encode(), key()
    lines = [f"{name}: {value}" for name, value in (headers | {"Prefer": "wait=10"}).items()]
    head = ["POST /users HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    ended = 'holdfast_http_requests_total{method="POST",route="/users",status="499"}'
    before = api_service.metric(ended)
    with raw.connection(api_service.port) as wire, redis_server.client() as redis:
        wire.sendall("\r\n".join([*head, "", ""]).encode() + body)
        wait_until(lambda: redis.xlen("{holdfast}:writes") == 1, what="it is accepted")
    wait_until(lambda: api_service.metric(ended) == before + 1, what="the request is over")
    again = api.post("/users", json=ADA, headers=headers)
    assert (again.status_code, again.headers.get("idempotent-replayed")) == (202, "true")


def test_an_address_on_its_way_cannot_be_taken(api: httpx.Client) -> None:
    """An address that a queued write uses is refused at acceptance, without regard to case."""
    api.post("/users", json=ADA)
    answer = api.post("/users", json={"name": "Eve", "email": "ADA@example.com"})
    error = error_of(answer)
    assert (answer.status_code, error["type"], error["code"]) == (409, "conflict", "EMAIL_TAKEN")


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "PATH_NOT_FOUND"),
        ("POST", "/health", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/users/0198c0de-0000-7000-8000-000000000001", {}, 404, "USER_NOT_FOUND"),
        ("GET", "/users/nobody", {}, 404, "USER_NOT_FOUND"),
        ("GET", "/operations/0198c0de-0000-7000-8000-000000000001", {}, 404, "OPERATION_NOT_FOUND"),
        ("GET", "/users?limit=0", {}, 422, "INVALID_PARAMETER"),
        ("GET", "/users?limit=x", {}, 422, "INVALID_PARAMETER"),
        ("GET", "/users?limit=1_0", {}, 422, "INVALID_PARAMETER"),
        ("GET", "/users?email=ada@example.com&cursor=false", {}, 422, "INVALID_CURSOR"),
        ("GET", f"/users?email=ada@example.com&cursor={quote(cursor_of('users', 7))}", {}, 422, "INVALID_PARAMETER"),
        ("GET", "/users?cursor=%F0%9F%92%A9", {}, 422, "INVALID_CURSOR"),
        ("POST", "/users", {"content": b"{}"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/users", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "MALFORMED_JSON"),
        ("POST", "/users", {"json": ADA | {"name": "x" * 70_000}}, 413, "BODY_TOO_LARGE"),
        ("POST", "/users", {"json": ADA, "headers": {"Idempotency-Key": "x" * 256}}, 422, "INVALID_IDEMPOTENCY_KEY"),
        ("DELETE", "/users/nobody", {}, 404, "USER_NOT_FOUND"),
    ],
)
def test_every_refusal_has_the_envelope(
    api: httpx.Client, method: str, path: str, kwargs: dict[str, Any], status: int, code: str
) -> None:
    """Every refusal, including 404, 405 and malformed or oversized requests, is an error in the envelope."""
    answer = api.request(method, path, **kwargs)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)


def test_a_body_without_a_length_is_bounded_too(api: httpx.Client) -> None:
    """A chunked body is refused with 413 above the same size as a body with a length."""
    chunks = (b" " * 8192 for _ in range(20))
    answer = api.post("/users", content=chunks, headers={"Content-Type": "application/json"})
    assert (answer.status_code, error_of(answer)["code"]) == (413, "BODY_TOO_LARGE")


def test_problem_json_for_those_who_ask(api: httpx.Client) -> None:
    """A client that accepts `application/problem+json` gets an RFC 9457 document with the same code."""
    answer = api.get("/nowhere", headers={"Accept": "application/problem+json"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (404, "PATH_NOT_FOUND")


def test_a_sane_request_id_is_kept(api: httpx.Client) -> None:
    """A well-formed request id of the caller is returned, and a malformed id is replaced."""
    assert api.get("/livez", headers={"X-Request-ID": "trace-me-12345"}).headers["x-request-id"] == "trace-me-12345"
    assert api.get("/livez", headers={"X-Request-ID": "a b"}).headers["x-request-id"].startswith("req_")


def test_the_trace_goes_along_with_the_write(api: httpx.Client, redis_server: RedisServer) -> None:
    """A well-formed `traceparent` and the request id are stored in the entry; a malformed `traceparent` is left out."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for number, sent in enumerate((trace, "00-nonsense")):
        headers = {"traceparent": sent, "X-Request-ID": f"req_number_{number}"}
        assert api.post("/users", json=ADA | {"email": f"a{number}@example.com"}, headers=headers).status_code == 202
    with redis_server.client() as redis:
        entries = [fields for _, fields in redis.xrange("{holdfast}:writes")]
    traced = [(fields[b"request_id"], fields.get(b"traceparent")) for fields in entries]
    assert traced == [(b"req_number_0", trace.encode()), (b"req_number_1", None)]
