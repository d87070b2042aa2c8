"""The client library, against a server that fails in every way, and against an api."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import holdfast_client as hc
from holdfast_client.calls import Calls, Reply, Send, Sleep
from tests.client_library.scripted import Act, Server, Time, answer, half_of, nothing, refusal, success

ADA = {"name": "Ada", "email": "ada@example.com"}
_AT = "2026-01-15T10:30:00.000000Z"
USER = {"id": "u1", **ADA, "created_at": _AT, "updated_at": _AT, "version": 7}
ACCEPTED = {"id": "u1", "operation_id": "o1", "status": "queued"}
_DROPPED: list[Act] = [nothing, half_of(success(ACCEPTED, 202)), answer(504, "<html>gateway timeout</html>"),
                       refusal(504, "ANSWER_OVERDUE", "network_error", definite=False)]  # fmt: skip

Scripted = Callable[..., tuple[Server, hc.Client, Time]]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """A function that makes a server with this script, its client, and their clock."""
    opened: list[Any] = []

    def make(*script: Act, **options: Any) -> tuple[Server, hc.Client, Time]:
        server, time = Server(*script), Time()
        client = hc.Client(server.url, "key", sleep=time.sleep, clock=time.clock, verify=False, **options)
        opened.extend((client, server))
        return server, client, time

    yield make
    for each in opened:
        each.close()


def operation(status: str, **error: object) -> Act:
    """Return an answer with this status of the operation."""
    done = status != "queued"
    return success({"id": "o1", "status": status, "done": done, "error": error or None})


@pytest.mark.parametrize("lost", _DROPPED, ids=["dropped", "half", "gateway", "overdue"])
def test_a_write_whose_answer_is_lost_is_sent_again_with_its_key(scripted: Scripted, lost: Act) -> None:
    """A write whose answer is lost is sent again with the same key, so that it takes effect once and its caller notices
    nothing."""
    server, client, _ = scripted(lost, lost, success(ACCEPTED, 202, Idempotent_Replayed="true"))
    written = client.users.create(ADA)
    assert (written.id, written.status, written.repeated) == ("u1", "queued", True)
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert (len(server.requests), keys) == (3, {written.idempotency_key})
    assert [request.body for request in server.requests] == [ADA] * 3
    assert server.requests[0].headers["authorization"] == "Bearer key"


def test_two_writes_have_two_keys_and_a_caller_may_give_one(scripted: Scripted) -> None:
    """Each call has a key of its own, unless the caller gives one; only then is a second call the same write."""
    server, client, _ = scripted(success(ACCEPTED, 202))
    keys = {client.users.create(ADA).idempotency_key for _ in range(3)}
    assert len(keys) == 3
    assert client.users.create(ADA, key="mine").idempotency_key == "mine"
    assert server.requests[-1].headers["idempotency-key"] == "mine"


@pytest.mark.parametrize(("status", "code", "kind"), [(429, "RATE_LIMITED", "rate_limit_error"),
                                                      (503, "WRITE_BACKLOG", "service_unavailable")])  # fmt: skip
def test_the_services_pause_is_kept(scripted: Scripted, status: int, code: str, kind: str) -> None:
    """The client waits at least `retry_after` before it retries, with some random extra time."""
    server, client, time = scripted(refusal(status, code, kind, retry_after=4), success(ACCEPTED, 202))
    client.users.create(ADA)
    assert len(server.requests) == 2
    assert len(time.slept) == 1
    assert 4 <= time.slept[0] <= 4.2


def test_a_pause_that_leads_past_the_deadline_is_not_begun(scripted: Scripted) -> None:
    """A pause that would end after the deadline is not begun: the error is raised at once, with all that the caller
    needs for a later attempt."""
    server, client, time = scripted(refusal(503, "WRITE_BACKLOG", retry_after=60))
    with pytest.raises(hc.Unavailable) as raised:
        client.users.create(ADA, timeout_s=20)
    error = raised.value
    assert (error.code, error.retryable, error.definite, error.retry_after_s) == ("WRITE_BACKLOG", True, True, 60)
    assert error.idempotency_key == server.requests[0].headers["idempotency-key"]
    assert (len(server.requests), time.slept) == (1, [])


@pytest.mark.parametrize(
    ("last", "definite"),
    [
        (refusal(503, "QUEUE_UNAVAILABLE", retry_after=60), False),
        (refusal(401, "NOT_AUTHENTICATED", "authentication_error", retryable=False), False),
        (refusal(422, "UNKNOWN_FIELD", "validation_error", retryable=False), False),
        (refusal(409, "EMAIL_TAKEN", "conflict", retryable=False), True),
        (refusal(404, "USER_NOT_FOUND", "not_found", retryable=False, details={"operation_id": "o1"}), True),
    ],
)  # fmt: skip
def test_an_attempt_that_may_have_happened_is_not_forgotten(scripted: Scripted, last: Act, definite: bool) -> None:
    """A refusal of a later attempt that says nothing of the write itself is not definite, if an earlier attempt may
    have taken effect: in an upgrade, another build may refuse what was accepted. One that the service decided by the
    write's key is."""
    server, client, _ = scripted(nothing, last)
    with pytest.raises(hc.HoldfastError) as raised:
        client.users.create(ADA)
    assert (len(server.requests), raised.value.definite) == (2, definite)
    server, client, _ = scripted(nothing, refusal(404, "USER_NOT_FOUND", "not_found", retryable=False))
    with pytest.raises(hc.NotFound) as unknown:
        client.users.get("1")
    assert unknown.value.definite


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (422, "validation_error", hc.ValidationError), (401, "authentication_error", hc.AuthenticationError),
        (404, "not_found", hc.NotFound), (409, "conflict", hc.Conflict), (500, "internal_error", hc.HoldfastError),
    ],
)  # fmt: skip
def test_what_is_not_retryable_is_raised_as_what_it_is(
    scripted: Scripted, status: int, kind: str, expected: type[hc.HoldfastError]
) -> None:
    """An error that is not retryable is raised at once as the class of its kind, with code, message, details and
    request id, and its text states the cause."""
    details = {"field": "email", "constraint": "at most 254 characters", "operation_id": "o9"}
    server, client, _ = scripted(refusal(status, "SOME_CODE", kind, retryable=False, details=details))
    with pytest.raises(expected) as raised:
        client.users.update("u1", {"name": "B"}, if_match=7)
    error = raised.value
    assert (error.code, error.status, error.request_id, error.operation_id) == ("SOME_CODE", status, "r", "o9")
    assert error.details == details
    assert str(error) == f"SOME_CODE: {error.message} (at most 254 characters)"
    [request] = server.requests
    assert (request.method, request.path, request.headers["if-match"]) == ("PATCH", "/users/u1", '"7"')


def test_a_server_that_is_gone(scripted: Scripted) -> None:
    """A server that refuses connections is tried as often as the policy allows, and the error states that the write has
    certainly had no effect."""
    server, client, time = scripted(success(USER), policy=hc.RetryPolicy(attempts_max=4))
    assert client.users.get("u1").name == "Ada"
    server.close()
    with pytest.raises(hc.Unreachable) as raised:
        client.users.create(ADA)
    assert (raised.value.retryable, raised.value.definite) == (True, True)
    assert len(time.slept) == 3


def test_the_budget_ends_retries_for_all_calls(scripted: Scripted) -> None:
    """When the retry budget is empty, only a share of the calls is repeated, and the others fail at once."""
    server, client, _ = scripted(refusal(503, "OVERLOADED"), budget=hc.RetryBudget(0.1, 3))
    for _ in range(40):
        with pytest.raises(hc.Unavailable):
            client.users.get("u1")
    assert 40 + 3 <= len(server.requests) <= 40 + 3 + 4


def test_waiting_ends_when_the_operation_does(scripted: Scripted) -> None:
    """A call that waits for the operation first uses `Prefer: wait` and then polls; lost answers in between change
    nothing."""
    acts = [nothing, success(ACCEPTED, 202), operation("queued"), nothing, operation("queued"), operation("applied")]
    server, client, time = scripted(*acts)
    written = client.users.create(ADA, wait=True)
    assert (written.id, written.status) == ("u1", "applied")
    assert server.requests[1].headers["prefer"].startswith("wait=")
    assert [request.path for request in server.requests[2:]] == ["/operations/o1"] * 4
    assert time.now_s < 30


def test_an_attempt_that_is_under_way_is_waited_for(scripted: Scripted) -> None:
    """While an earlier attempt is in progress after its connection broke, each attempt is a conflict, which costs
    nothing of the budget. At the deadline the error contains the operation."""
    under_way = refusal(409, "REQUEST_IN_PROGRESS", "conflict", retry_after=1, definite=False,
                        details={"operation_id": "o1"})  # fmt: skip
    applied = success({**ACCEPTED, "status": "applied"}, 201)
    _, client, time = scripted(nothing, *[under_way] * 9, applied, under_way, budget=hc.RetryBudget(0, 1))
    assert client.users.create(ADA, wait=True).status == "applied"
    assert time.now_s < 30
    with pytest.raises(hc.Conflict) as raised:
        client.users.create(ADA, wait=True, timeout_s=12)
    assert (raised.value.definite, raised.value.operation_id) == (False, "o1")
    assert time.now_s < 42


def test_a_write_that_has_no_effect_is_an_error(scripted: Scripted) -> None:
    """A write that ends without effect raises an error with the operation's code and details."""
    _, client, _ = scripted(
        success(ACCEPTED, 202), operation("rejected", code="EMAIL_TAKEN", message="taken", details={})
    )
    with pytest.raises(hc.WriteFailed) as raised:
        client.users.create(ADA, wait=True)
    error = raised.value
    assert (error.code, error.operation_id, error.details["status"]) == ("EMAIL_TAKEN", "o1", "rejected")
    assert error.idempotency_key


def test_a_wait_has_an_end(scripted: Scripted) -> None:
    """A wait ends at the deadline, and the error contains the operation, which goes on."""
    _, client, time = scripted(success(ACCEPTED, 202), operation("queued"))
    with pytest.raises(hc.Unfinished) as raised:
        client.users.delete("u1", wait=True, timeout_s=12)
    assert raised.value.operation_id == "o1"
    assert time.now_s <= 12


_ASKED: list[Act] = [nothing, refusal(503, "DATABASE_UNAVAILABLE", "database_error", retry_after=60),
                     refusal(429, "RATE_LIMITED", "rate_limit_error", retry_after=60),
                     refusal(401, "NOT_AUTHENTICATED", "authentication_error", retryable=False)]  # fmt: skip


@pytest.mark.parametrize("act", _ASKED, ids=["dropped", "database", "limited", "key"])
def test_a_question_that_fails_says_nothing_of_the_write(scripted: Scripted, act: Act) -> None:
    """If polling fails after the write was accepted, the error is not definite, because the write may take effect, and
    it contains the operation to ask for."""
    _, client, _ = scripted(success(ACCEPTED, 202), act, budget=hc.RetryBudget(0, 0))
    with pytest.raises(hc.HoldfastError) as raised:
        client.users.create(ADA, wait=True)
    error = raised.value
    assert (error.definite, error.operation_id, bool(error.idempotency_key)) == (False, "o1", True)
    assert isinstance(error, hc.Unfinished if act is not _ASKED[-1] else hc.AuthenticationError)


class Trickle(httpx.SyncByteStream, httpx.AsyncBaseTransport):
    """An answer that is too slow as a whole, though each of its pieces is in time; a client for asyncio gets no answer
    at all."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def __iter__(self) -> Iterator[bytes]:
        """Yield a piece of the answer each second."""
        for _ in range(100):
            self._time.now_s += 1
            yield b" "

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        """Wait without end, which httpx would limit only per step."""
        await asyncio.Event().wait()
        raise AssertionError


async def test_an_answer_that_trickles_in_does_not_outlive_the_deadline() -> None:
    """A call limits the time of the whole answer, whereas httpx limits that of each piece."""
    time = Time()
    slow = httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickle(time)))
    with (
        hc.Client("http://slow", sleep=time.sleep, clock=time.clock, transport=slow) as client,
        pytest.raises(hc.Unreachable, match="too slowly"),
    ):
        client.users.get("u1", timeout_s=3)
    assert time.now_s < 10
    async with hc.AsyncClient("http://slow", transport=Trickle(time)) as other:
        with pytest.raises(hc.Unreachable):
            await asyncio.wait_for(other.users.get("u1", timeout_s=0), 60)


@pytest.mark.parametrize("after", ["NaN", "-9", "1" + 400 * "0", "1e999"])
def test_a_pause_that_nobody_can_make(scripted: Scripted, after: str) -> None:
    """The client does not sleep for a `retry_after` that is not a usable number. A body that is not the gzip that it
    claims to be raises `Unreachable`."""
    error = f'{{"error": {{"type": "rate_limit_error", "retryable": true, "definite": true, "retry_after": {after}}}}}'
    _, client, time = scripted(answer(429, error), answer(200, "x", Content_Encoding="gzip"))
    with pytest.raises((hc.RateLimited, hc.Unreachable)):
        client.users.create(ADA)
    assert all(0 <= slept < 30 for slept in time.slept)


def test_a_copy_says_that_it_is_one(scripted: Scripted) -> None:
    """The answer of an open circuit breaker is returned as data that is marked stale, with its age."""
    error = {"type": "service_unavailable", "code": "CIRCUIT_BREAKER_OPEN", "message": "…", "retryable": True}
    meta = {"stale": True, "age_s": 12.5, "next_cursor": None}
    copy = {"success": False, "error": error, "fallback_data": {"cached_user": USER}, "meta": meta}
    server, client, _ = scripted(
        answer(200, copy | {"data": USER}), answer(200, copy | {"data": [USER]}), success(USER)
    )
    user = client.users.get("u1")
    assert (user.email, user.stale, user.age_s, user.version) == ("ada@example.com", True, 12.5, 7)
    [page] = client.users.pages()
    assert (page.stale, page.age_s, page.items[0].stale) == (True, 12.5, True)
    assert client.users.get("u1", fresh=True).stale is False
    assert server.requests[-1].headers["cache-control"] == "no-cache"


def test_a_copy_that_finds_nothing_is_no_proof(scripted: Scripted) -> None:
    """A look-up that finds nothing in a copy raises `Unavailable`, because an entity may have got the value since; only
    the database's answer is `NotFound`."""
    copy = {"success": False, "error": {"code": "DATABASE_UNAVAILABLE"}, "data": [], "meta": {"stale": True}}
    _, client, _ = scripted(answer(200, copy), success([]))
    with pytest.raises(hc.Unavailable) as raised:
        client.users.find({"email": "ada@example.com"})
    assert raised.value.retryable
    with pytest.raises(hc.NotFound):
        client.users.find({"email": "ada@example.com"})


def test_headers_of_the_callers_own_go_along_with_the_key() -> None:
    """Headers of the caller's own are sent with the key, and do not replace it."""
    sent: list[httpx.Headers] = []

    def answered(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(404, json={})

    own = {"X-Team": "checkout", "accept": "text/html"}
    client = hc.Client("http://x", "k", transport=httpx.MockTransport(answered), headers=own)
    with client, pytest.raises(hc.HoldfastError):
        client.users.get("u1")
    expected = {"authorization": "Bearer k", "x-team": "checkout", "accept": "application/json"}
    assert {name: sent[0][name] for name in expected} == expected


def test_pages_follow_their_cursors(scripted: Scripted) -> None:
    """Pages are fetched lazily by their cursors, each with retries of its own."""
    pages = [success([USER | {"id": f"u{n}"}], meta={"next_cursor": f"c{n}" if n < 3 else None}) for n in (1, 2, 3)]
    server, client, _ = scripted(pages[0], nothing, pages[1], pages[2])
    users = client.users.all(limit=1)
    assert next(users).id == "u1"
    assert len(server.requests) == 1
    assert [user.id for user in users] == ["u2", "u3"]
    assert [request.path for request in server.requests] == [
        "/users?limit=1", "/users?limit=1&cursor=c1", "/users?limit=1&cursor=c1", "/users?limit=1&cursor=c2",
    ]  # fmt: skip


def test_any_resource_and_what_is_no_answer_of_ours(scripted: Scripted) -> None:
    """Any resource can be read as an entity with its fields. An answer that is not Holdfast's raises an error, even
    with status 200."""
    book = {"id": "b1", "title": "T", "created_at": _AT, "updated_at": _AT, "version": 1}
    server, client, _ = scripted(success(book), success([]), answer(200, {"hello": 1}))
    assert client.resource("books").get("b/1")["title"] == "T"
    assert server.requests[0].path == "/books/b%2F1"
    with pytest.raises(hc.NotFound):
        client.users.find({"email": "x@example.com"})
    for _ in range(2):
        with pytest.raises(hc.Unreachable):
            client.users.get("u1")


@pytest.mark.parametrize(
    "odd", [answer(503, 99_999 * "["), answer(400, {"error": {"type": {}}}), answer(202, {"data": {}})]
)
def test_what_is_odd_is_an_error_of_ours(scripted: Scripted, odd: Act) -> None:
    """An answer of any other form raises HoldfastError, with the key under which the write may have been accepted."""
    _, client, _ = scripted(odd)
    with pytest.raises(hc.HoldfastError) as caught:
        client.users.create(ADA, key="k")
    assert caught.value.idempotency_key == "k"


def test_an_option_that_there_is_not_is_an_error_before_anything_is_sent(scripted: Scripted) -> None:
    """An unknown option raises TypeError before anything is sent, because a misspelt condition would be ignored, and a
    misspelt filter would match everything. So does httpx's own timeout, which each call would override."""
    server, client, _ = scripted(success([USER]))
    users: Any = client.users
    wrong: list[Callable[[], Any]] = [
        lambda: users.create(ADA, waits=True), lambda: users.replace("u1", ADA, ifmatch=1),
        lambda: users.update("u1", ADA, ifmatch=1, wait=True), lambda: users.delete("u1", fresh=True),
        lambda: users.get("u1", wait=True), lambda: users.find(ADA, limit=1), lambda: users.find({}),
        lambda: users.find({"email": None}), lambda: next(users.pages(cursor="c")),
        lambda: next(users.all(email="ada@example.com")), lambda: hc.Client(server.url, timeout=3),
        lambda: hc.AsyncClient(server.url, timeout=3),
    ]  # fmt: skip
    for call in wrong:
        with pytest.raises(TypeError):
            call()
    assert server.requests == []


async def test_the_client_for_asyncio_is_the_same() -> None:
    """The client for asyncio handles lost answers, waits and pages in the same way."""
    server, time = Server(nothing, success(ACCEPTED, 202), operation("applied"), success([USER])), Time()
    async with hc.AsyncClient(server.url, sleep=time.sleep_async, clock=time.clock, verify=False) as client:
        written = await client.users.create(ADA, wait=True)
        assert written.status == "applied"
        assert [user.name async for user in client.users.all()] == ["Ada"]
        assert (await client.users.find(ADA)).email == "ada@example.com"
        users: Any = client.users
        with pytest.raises(TypeError, match="unknown: ifmatch; the options are wait, key, if_match"):
            await users.update("u1", ADA, ifmatch=1)
    assert len(server.requests) == 5
    await asyncio.to_thread(server.close)


_OUTCOMES = st.sampled_from([
    hc.Unreachable("lost", retryable=True), hc.Unreachable("refused", retryable=True, definite=True),
    Reply(503, {"retry-after": "3"}, {"error": {"retryable": True, "definite": True}}),
    Reply(409, {}, {"error": {"retryable": False, "definite": True}}), Reply(504, {}, None),
    Reply(200, {}, {"data": 1}),
])  # fmt: skip


@given(st.lists(_OUTCOMES, min_size=1, max_size=12), st.booleans(), st.floats(0.1, 40), st.floats(0, 0.999))
def test_no_call_outlives_its_deadline_or_repeats_what_it_may_not(
    outcomes: list[Reply | hc.HoldfastError], keyed: bool, timeout_s: float, drawn: float
) -> None:
    """Whatever the answers are, attempts are bounded, pauses end before the deadline, and without a key a request is
    repeated only if it has certainly had no effect."""
    time = Time()
    calls = Calls(hc.RetryPolicy(), hc.RetryBudget(), time.clock, lambda: drawn)
    headers = {"Idempotency-Key": "k"} if keyed else {}
    steps = calls.request("POST", "/users", calls.until(timeout_s), headers=headers)
    sent: list[Reply | hc.HoldfastError] = []

    def came_of(step: Send | Sleep) -> Reply | hc.HoldfastError | None:
        if isinstance(step, Sleep):
            time.sleep(step.seconds)
            return None
        assert time.now_s < timeout_s
        sent.append(outcomes[min(len(sent), len(outcomes) - 1)])
        return sent[-1]

    with contextlib.suppress(StopIteration, hc.HoldfastError):
        step = next(steps)
        while True:
            step = steps.send(came_of(step))
    assert len(sent) <= 6
    for earlier in sent[:-1]:
        error = earlier if isinstance(earlier, hc.HoldfastError) else None
        definite = error.definite if error else earlier.document is not None
        assert keyed or definite


async def test_a_text_that_no_encoding_has_is_an_error_of_the_client() -> None:
    """A lone surrogate in an id is sent, since the service answers that there is no such id. In a value, a key or a
    condition it raises ValidationError, and nothing is sent."""
    server = Server(refusal(404, "OPERATION_NOT_FOUND", "not_found", retryable=False))
    with hc.Client(server.url) as client:
        asking: list[Callable[[str], Any]] = [client.operation, client.users.get]
        for call in asking:
            with pytest.raises(hc.NotFound):
                call("\ud800")
        assert [request.path for request in server.requests] == ["/operations/%ED%A0%80", "/users/%ED%A0%80"]
        for values, key in (({"name": "\ud800"}, "k"), (ADA, "\ud800"), (ADA, "é")):
            with pytest.raises(hc.ValidationError) as refused:
                client.users.create(values, key=key)
            assert (refused.value.definite, refused.value.idempotency_key) == (True, key)
    async with hc.AsyncClient(server.url) as there:
        with pytest.raises(hc.ValidationError):
            await there.users.find({"email": "\ud800"})
    assert len(server.requests) == 2
    server.close()


def test_it_is_small() -> None:
    """The library has at most 620 lines, so that it can be read before it is trusted."""
    folder = Path(hc.__file__).parent
    lines = [line for file in folder.glob("*.py") for line in file.read_text().splitlines() if line.strip()]
    assert len(lines) <= 620
