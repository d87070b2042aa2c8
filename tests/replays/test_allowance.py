"""What one operator changes is counted, however it is divided: beyond an allowance, a second operator has to
approve."""

import threading
import time
from collections.abc import Iterator

import pytest

from holdfast.shared.errors import AllowanceUsedUp, SecondPersonNeeded
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import allowance, change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.edit import transforms
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.replays import create
from holdfast.shared.letters.replays.plan import Plan, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.queue.names import DEAD
from holdfast.shared.store.engine import Engine, make_engine
from tests import keys, letters
from tests.dead_letters.test_edits import by
from tests.letters import letter
from tests.replays.conftest import Desk
from tests.servers import PATIENT_DATABASE, START_DEADLINE_S, Database, wait_until

ANN, BOB = (Actor(name, "operate", "because", "req_12345678") for name in ("ann", "bob"))
RULES = Rules(20, 3600)


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """The engine of a database with sixty dead letters."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=8)
    index.index(made, [letter(n) for n in range(60)])
    yield made
    made.dispose()


def _these(first: int, count: int) -> Selection:
    return Selection(numbers=tuple(letter(n).number for n in range(first, first + count)))


def _discard(engine: Engine, first: int, count: int, who: Actor = ANN, rules: Rules = RULES) -> None:
    change.discard(engine, _these(first, count), who, expected=count, most=100, rules=rules)


def _replay(engine: Engine, first: int, count: int) -> ReplayState:
    return create.create(engine, _these(first, count), Plan(), ANN, expected=count, most=100, rules=RULES).state


def test_all_that_one_does_counts_together(engine: Engine) -> None:
    """Replays, discards and transforms of one operator count against one allowance. Requests that were refused or wait
    for approval do not count, nor do those of other operators."""
    assert _replay(engine, 0, 8) is ReplayState.RUNNING
    _discard(engine, 8, 6)
    with pytest.raises(AllowanceUsedUp) as refused:
        _discard(engine, 14, 7)
    details = refused.value.details
    assert details is not None
    assert (details["left"], details["needed"]) == (6, 7)
    assert _replay(engine, 14, 7) is ReplayState.AWAITING_APPROVAL
    assert allowance.left(engine, "ann", RULES).letters == 6
    with pytest.raises(AllowanceUsedUp):
        transforms.make(engine, _these(21, 7), _unchanged, [], ANN, expected=7, most=100, rules=RULES)
    _discard(engine, 21, 6)
    assert allowance.left(engine, "ann", RULES).letters == 0
    assert allowance.left(engine, "bob", RULES).letters == 20
    change.restore(engine, _these(21, 6), ANN, expected=6, most=100)
    assert allowance.left(engine, "ann", RULES).letters == 0, "only an undo gives back what it has put back"


def test_what_is_undone_is_given_back_once(engine: Engine) -> None:
    """A reverted transform and a discard restored from its record give the allowance back once, whoever reverts them.
    The same letters count when they are discarded again, and a second restore gives nothing back."""
    change_name, patch = by({"op": "add", "path": "/payload/name", "value": "Other"})
    number, made = transforms.make(engine, _these(0, 8), change_name, patch, ANN, expected=8, most=100, rules=RULES)
    assert made.edited == 8
    assert allowance.left(engine, "ann", RULES).letters == 12
    transforms.revert(engine, number, BOB, expected=8, most=100)
    assert allowance.left(engine, "ann", RULES).letters == 20
    _, first = change.discard(engine, _these(10, 9), ANN, expected=9, most=100, rules=RULES)
    for back in (9, 0):
        change.restore(engine, Selection(audit=first), BOB, expected=9, most=100)
        assert allowance.left(engine, "ann", RULES).letters == 11 + back
        _discard(engine, 10, 9)
        if back:
            assert allowance.left(engine, "ann", RULES).letters == 11
    assert allowance.left(engine, "bob", RULES).letters == 20


def _unchanged(*_: object) -> None:
    return None


def test_a_second_person_allows_more(engine: Engine) -> None:
    """Only another operator may raise an allowance, on record, and only an equal name is the same operator; changes
    older than the window no longer count."""
    _discard(engine, 0, 20)
    with pytest.raises(SecondPersonNeeded):
        allowance.allow(engine, "ann", 10, ANN)
    for other in ("ann ", "Ann", "a\u0301nn", "\u00e4nn"):
        allowance.allow(engine, other, 10, ANN)
    assert allowance.left(engine, "ann", RULES).letters == 0, "only an equal name is the same person's"
    allowance.allow(engine, "ann", 10, BOB)
    _discard(engine, 20, 10)
    with pytest.raises(AllowanceUsedUp):
        _discard(engine, 30, 1)
    before = allowance.left(engine, "ann", RULES).more_at
    assert before is not None
    assert 0 < before.timestamp() - time.time() <= RULES.window_s
    wait_until(lambda: allowance.left(engine, "ann", Rules(20, 0.01)).letters == 20, what="the window has passed")


def test_requests_side_by_side_do_not_use_it_twice(engine: Engine) -> None:
    """Of eight concurrent requests that each need half of the allowance, two succeed and six are refused."""
    ends: list[str] = []

    def go(at: int) -> None:
        try:
            _discard(engine, at * 7, 7, rules=Rules(14, 3600))
            ends.append("done")
        except AllowanceUsedUp:
            ends.append("refused")

    threads = [threading.Thread(target=go, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(START_DEADLINE_S)
    assert sorted(ends) == ["done"] * 2 + ["refused"] * 6
    discarded = Selection(matching=Filter(state=State.DISCARDED))
    assert len(change.look(engine, discarded, {State.DISCARDED}, most=100).numbers) == 14


def test_pages_and_routes_say_what_is_left(desk: Desk) -> None:
    """Routes and pages show what is left of the allowance, a refusal shows it too, and only another operator with a
    known name may raise it."""
    with desk.redis_server.client() as client:
        ids = [client.xadd(DEAD, letters.fields()).decode() for _ in range(45)]
    desk.indexed()
    assert desk.data("GET", "/dlq/allowances")["left"] == 40
    wish = {"selection": {"ids": ids[:30]}, "expected_count": 30, "reason": "a test"}
    desk.data("POST", "/dlq/discards", json=wish)
    wish = {"selection": {"ids": ids[30:]}, "expected_count": 15, "reason": "a test"}
    refused = desk.ask("POST", "/dlq/discards", json=wish)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "ALLOWANCE_USED_UP")
    assert refused.json()["error"]["details"]["left"] == 10
    name = desk.data("GET", "/dlq/allowances")["actor"]
    more = {"actor": name, "letters": 5, "reason": "a test"}
    assert desk.ask("POST", "/dlq/allowances", json=more).json()["error"]["code"] == "SECOND_PERSON_NEEDED"
    for spelling in (f"{name} ", f" {name}", f"{name}\t", f"{name}\n", f"{name}\0", "", "\u00e5nn"):
        odd = desk.ask("POST", "/dlq/allowances", json=more | {"actor": spelling})
        assert (odd.status_code, odd.json()["error"]["code"]) == (422, "INVALID_BODY"), spelling
    for nobody in (f"{name}s", keys.VIEWER):  # no key has the first name, and the second one's may not change letters
        refused = desk.ask("POST", "/dlq/allowances", json=more | {"actor": nobody})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "INVALID_BODY"), nobody
        assert refused.json()["error"]["details"]["field"] == "actor"
    assert desk.data("GET", "/dlq/allowances")["left"] == 10
    assert desk.data("POST", "/dlq/allowances", keys.ADMIN, json=more)["left"] == 15
    desk.data("POST", "/dlq/discards", json=wish)
    desk.http.post("/console/login", data={"key": keys.OPERATOR})
    assert "Allow another operator to change more letters" in desk.http.get("/console/audit").text
