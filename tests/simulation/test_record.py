"""What came back over HTTP is recorded as what it says, and what is looked at all the time is judged right."""

from typing import Any

import orjson
import pytest

from deploy.client.connections import Response
from tests.promises.history import Fail, Ok, Unknown
from tests.simulation.record import Record, end_of
from tests.simulation.watch import Watch
from tests.simulation.workload import Request

_POST = Request("i", "POST", "/users", {"name": "n", "email": "e@x"}, {"Idempotency-Key": "k", "If-Match": '"7"'})
_GET = Request("i", "GET", "/users/u")
_USER = {"id": "u", "name": "n", "email": "e@x", "version": 9}


def _end(request: Request, status: int, **document: Any) -> Any:
    response = Response(status, orjson.dumps(document))
    return end_of(1.0, 5, request, response, document)


def test_answers_of_writes() -> None:
    """The version in an answer is recorded as the write's own only if the write was accepted and not applied yet."""
    data = {"id": "u", "operation_id": "o", "status": "queued"}
    assert _end(_POST, 202, data=data, meta={"version": 8}) == Ok(1.0, 5, 202, "o", "u", 8, "queued")
    done = {**_USER, "operation_id": "o", "status": "applied"}
    assert _end(_POST, 201, data=done, meta={"way": "direct"}) == Ok(1.0, 5, 201, "o", "u", 0, "applied")


@pytest.mark.parametrize("definite", [True, False])
def test_errors(definite: bool) -> None:
    """A definite error is recorded as a failure; after any other error the outcome is unknown."""
    error = {"code": "C", "definite": definite, "retryable": True, "details": {"operation_id": "o"}}
    end = _end(_POST, 503, error=error)
    assert end == (Fail(1.0, 5, 503, "C", "o", True) if definite else Unknown(1.0, 5, "C", 503, "o"))
    assert _end(_POST, 500) == Unknown(1.0, 5, "not an answer of ours", 500)


def test_no_answer() -> None:
    """A refused connection is recorded as `refused`, because such a request was never sent and had no effect; after any
    other missing answer the outcome is unknown."""
    assert end_of(1.0, 5, _POST, Response(0, why="connect_ConnectionRefusedError"), {}) == Unknown(1.0, 5, "refused")
    assert end_of(1.0, 5, _POST, Response(0, why="reset"), {}) == Unknown(1.0, 5, "reset")


def test_reads() -> None:
    """Fresh reads, copies, copies instead of an error, pages and operations are recorded with their versions, age and
    state."""
    fresh = _end(_GET, 200, data=_USER, meta={"pending": True})
    assert (fresh.shown[0].version, fresh.pending, fresh.age_s, fresh.degraded) == (9, True, None, False)
    stale = _end(_GET, 200, data=_USER, meta={"stale": True, "age_s": 3.5, "source": "cache"})
    assert (stale.age_s, stale.degraded) == (3.5, True)
    error = {"code": "CIRCUIT_BREAKER_OPEN", "definite": True}
    instead = _end(_GET, 200, error=error, data=_USER, meta={"stale": True, "age_s": 3.5, "source": "cache"})
    assert (instead.shown, instead.age_s, instead.degraded) == (stale.shown, 3.5, True)
    assert len(_end(Request("i", "GET", "/users"), 200, data=[_USER, _USER], meta={}).shown) == 2
    over = _end(Request("i", "GET", "/operations/o"), 200, data={"id": "o", "user_id": "u", "status": "applied"})
    assert (over.operation_id, over.entity_id, over.state) == ("o", "u", "applied")


def test_every_request_is_in_the_history_and_counted() -> None:
    """Every request is recorded in order, with its key and its condition, and counted; requests of operators are
    recorded as acts."""
    record = Record(lambda: 1.0, lambda *_, **__: None)
    number = record.invoked("client-1", "api-1", _POST)
    record.ended(number, Response(0, why="reset"))
    record.ended(record.invoked("operator-0", "admin-1", Request("i", "POST", "/dlq/discards")), Response(200, b"{}"))
    sent, end, act = record.events
    assert (sent.key, sent.if_match, end.why) == ("k", 7, "reset")
    assert (act.action, act.done) == ("discard", True)
    assert record.seen == {"answer:none": 1, "answer:reset": 1, "answer:200": 1}


def _watched(*moments: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    """Return the kinds of violation that the watch finds in these contents of the tables, one after the other."""
    now: dict[str, list[tuple[Any, ...]]] = {}
    watch = Watch(lambda query: now[query.rpartition(" ")[2]], lambda: 0.0)
    for now in moments:  # noqa: B007 - the query reads it
        watch.look()
    return [each.partition(":")[0] for each in watch.violations]


def test_what_may_never_be_is_seen_when_it_is() -> None:
    """The watch finds each kind of state that must never exist, also if it lasted only a moment, and none in valid
    states."""
    operation = ("o", "u", "CreateUser", 1, "applied", 1)

    def held(*users: tuple[Any, ...], end: str = "applied") -> dict[str, list[tuple[Any, ...]]]:
        return {"operations": [(*operation[:4], end, 1)], "users": list(users)}

    well = held(("u", "e", 1, 1, 1, 0))
    assert _watched(well, held(("u", "f", 1, 5, 1, 0)), held(("u", None, 1, 5, 1, 6))) == []
    assert _watched(well, {**well, "operations": []}, well) == ["lost"]
    assert _watched(well, held(("u", "e", 1, 1, 1, 0), end="superseded")) == ["lost"]
    assert _watched(held(("u", None, 1, 1, 1, 9)), held(("u", "e", 1, 9, 1, 0))) == ["resurrected"]
    assert _watched(held(("u", "e", 1, 3, 1, 0)), well) == ["inverted"]
    assert _watched(held(("u", "e", 1, 3, 1, 0), ("v", "e", 1, 3, 1, 0))) == ["doubled"]
