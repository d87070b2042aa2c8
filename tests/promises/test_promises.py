"""The checks: a run that keeps every promise passes them all, and each fails on a run that breaks its promise."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.promises import doubled
from tests.promises.breaks_available import AVAILABLE
from tests.promises.breaks_by_others import OTHERS
from tests.promises.breaks_external import EXTERNAL
from tests.promises.broken import Broken, fresh
from tests.promises.case import Case
from tests.promises.final import Arrival, Ended, Entity, Final, Letter, Replay, Row
from tests.promises.history import (
    Act,
    AtRest,
    Fail,
    Fault,
    History,
    Invoke,
    Noted,
    Ok,
    Planted,
    Refused,
    Shown,
    Unknown,
    lines,
    read,
)
from tests.promises.limits import Limits
from tests.promises.sometimes import counted
from tests.promises.verdict import CHECKS, Word, judge

SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_keeps_every_promise_passes(seed: int) -> None:
    """Whatever was sent, and read back from JSON lines too."""
    whole = fresh(seed)
    assert judge(whole.case()).violations == ()
    again = Case(read(lines(whole.run.events)), whole.final)
    assert again.history.events == tuple(whole.run.events)
    assert judge(again).word is Word.TRUE


@pytest.mark.parametrize("effect", ["rejected", "applied"])
def test_what_was_refused_may_end_as_rejected(effect: str) -> None:
    """The api refused it when it applied it past the queue, which had it as well; it must have had no effect."""
    whole = fresh(2)
    attempt = whole.run.send("PUT", "/users/one", key="used before", body={"name": "another"})
    whole.append(Fail(whole.run.step(), attempt, 422, "IDEMPOTENCY_KEY_REUSED", "of the first"))
    own = Ended("its own", Entity("users", "one"), "PUT", 7, effect, code="IDEMPOTENCY_KEY_REUSED")
    whole.final = replace(whole.final, ended=(*whole.final.ended, own))
    assert any(doubled.check(whole.case())) == (effect == "applied")


def _without(final: Final, ended: Ended) -> Final:
    return replace(final, ended=tuple(each for each in final.ended if each != ended))


def lost_write(broken: Broken) -> None:
    """An acknowledged operation is nowhere."""
    broken.final = _without(broken.final, broken.any_applied())


def applied_twice(broken: Broken) -> None:
    """An operation ended twice."""
    broken.final = replace(broken.final, ended=(*broken.final.ended, broken.any_applied()))


def two_operations_of_one_key(broken: Broken) -> None:
    """A repeated request became another operation."""
    ended = broken.any_applied()
    answer = broken.answer_of(ended.operation_id)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    again = replace(sent, attempt=10_001)
    broken.append(again, replace(answer, attempt=10_001, operation_id="another"))
    broken.final = replace(broken.final, ended=(*broken.final.ended, replace(ended, operation_id="another")))


def other_version(broken: Broken) -> None:
    """Applied at another place in the order than the client was given."""
    ended = broken.any_applied()
    other = replace(ended, version=ended.version + 100_000)
    broken.final = replace(broken.final, ended=tuple(other if e is ended else e for e in broken.final.ended))


def applied_and_dead(broken: Broken) -> None:
    """A dead letter of what was applied."""
    letter = Letter("1-0", broken.any_applied().operation_id, "dead", "crash_loop")
    broken.final = replace(broken.final, letters=(letter,))


def out_of_nowhere(broken: Broken) -> None:
    """An operation that no client sent."""
    stranger = Ended("stranger", Entity("users", "stranger"), "POST", 7, "applied")
    broken.final = replace(broken.final, ended=(*broken.final.ended, stranger))


def older_field_wins(broken: Broken) -> None:
    """A row holds the value of an older write."""
    row = broken.run.chance.choice([row for row in broken.final.rows if row.visible])
    older = replace(row, values={**row.values, "name": "older"})
    broken.final = replace(broken.final, rows=tuple(older if r is row else r for r in broken.final.rows))


def wrongly_rejected(broken: Broken) -> None:
    """An operation is rejected that was fine in order."""
    ended = broken.any_applied()
    worse = replace(ended, effect="rejected", code="EMAIL_TAKEN")
    broken.final = replace(broken.final, ended=tuple(worse if e is ended else e for e in broken.final.ended))


def row_is_gone(broken: Broken) -> None:
    """A visible entity has no row."""
    row = broken.run.chance.choice([row for row in broken.final.rows if row.visible])
    broken.final = replace(broken.final, rows=tuple(r for r in broken.final.rows if r is not row))


def tombstone_forgotten(broken: Broken) -> None:
    """A deleted entity is visible at rest."""
    deleted = next(row for row in broken.final.rows if row.deleted_version)
    back = replace(deleted, values={"name": "back", "email": "back@example.com"}, deleted_version=0)
    broken.final = replace(broken.final, rows=tuple(back if r is deleted else r for r in broken.final.rows))


def shared_unique_value(broken: Broken) -> None:
    """Two entities have one address."""
    row = next(row for row in broken.final.rows if row.visible)
    twin = replace(row, entity=Entity("users", "twin"))
    broken.final = replace(broken.final, rows=(*broken.final.rows, twin))


def data_of_the_deleted(broken: Broken) -> None:
    """A tombstone holds a name."""
    broken.final = replace(broken.final, unerased=("user-1",))


def applied_without_effect(broken: Broken) -> None:
    """A client is answered that a rejected write was applied."""
    answer = broken.answer_of(broken.any_applied().operation_id)
    broken.final = _without(broken.final, broken.run.ended[-1])
    broken.change(answer, operation_id=broken.run.ended[-1].operation_id, state="applied", status=201)


def definite_and_happened(broken: Broken) -> None:
    """Every attempt was refused definitely, and it took effect."""
    answer = broken.answer_of(broken.any_applied().operation_id)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    tries = {e.attempt for e in broken.run.events if isinstance(e, Invoke) and e.key == sent.key}
    refusal = Fail(answer.at_s, 0, 503, "WRITES_UNAVAILABLE", answer.operation_id, retryable=True)
    broken.run.events = [
        replace(refusal, attempt=e.attempt) if isinstance(e, Ok | Fail | Unknown) and e.attempt in tries else e
        for e in broken.run.events
    ]


def not_found_though_it_exists(broken: Broken) -> None:
    """404 for a visible entity."""
    row = next(row for row in broken.final.rows if row.visible and row.entity.id in broken.run.created)
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    broken.append(Fail(broken.run.step(), attempt, 404, "USER_NOT_FOUND"))


def deleted_is_shown(broken: Broken) -> None:
    """A read without a mark shows what was deleted before."""
    deleted = next(row for row in broken.final.rows if row.deleted_version)
    attempt = broken.run.send("GET", f"/users/{deleted.entity.id}")
    shown = (Shown(deleted.entity.id, deleted.created_version),)
    broken.append(Ok(broken.run.step(), attempt, 200, shown=shown, pending=False))


def older_than_a_copy_says(broken: Broken) -> None:
    """A copy of two seconds does not hold what was applied an hour ago."""
    row = next(row for row in broken.final.rows if row.visible)
    operation = next(e for e in broken.final.ended if e.version == row.version)
    broken.change(broken.answer_of(operation.operation_id), state="applied", status=200)
    broken.run.at_s += 1000
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    shown = (Shown(row.entity.id, row.version - 1),)
    broken.append(Ok(broken.run.step(), attempt, 200, shown=shown, age_s=2.0, degraded=True))


def copy_too_old(broken: Broken) -> None:
    """A copy of a day."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Ok(broken.run.step(), attempt, 200, age_s=86_400, degraded=True))


def own_write_not_read(broken: Broken, row: Row | None = None) -> None:
    """A fresh read does not show a queued write."""
    row = row or next(row for row in broken.final.rows if row.visible)
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    broken.append(Ok(broken.run.step(), attempt, 200, shown=(Shown(row.entity.id, row.version - 1),), pending=True))


def never_answered(broken: Broken) -> None:
    """A request has no end."""
    broken.run.send("GET", "/users")


def answered_late(broken: Broken) -> None:
    """A request took a minute."""
    attempt = broken.run.send("GET", "/users")
    broken.run.at_s += 60
    broken.append(Ok(broken.run.step(), attempt, 200))


def connection_dropped(broken: Broken) -> None:
    """A process that is well drops a request."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Unknown(broken.run.step(), attempt, "reset"))


def stampede(broken: Broken) -> None:
    """Retries without a budget."""
    calls = broken.final.arrivals or ()
    broken.final = replace(broken.final, arrivals=(*calls, *[Arrival(1, "GET")] * (10 * len(calls) + 100)))


def unsafe_call_repeated(broken: Broken) -> None:
    """A POST without a key came twice."""
    attempt = broken.run.send("POST", "/external")
    broken.append(Fail(broken.run.step(), attempt, 502, "UPSTREAM_FAILED"))
    broken.final = replace(broken.final, arrivals=(Arrival(1, "POST"), Arrival(2, "POST")))


def slow_recovery(broken: Broken) -> None:
    """It came to rest after a day."""
    rest = next(e for e in broken.run.events if isinstance(e, AtRest))
    broken.change(rest, mended_s=rest.at_s - 86_400)


def still_degraded(broken: Broken) -> None:
    """At rest a read is still answered from a copy."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Ok(broken.run.step(), attempt, 200, age_s=3, degraded=True))


def no_rest(broken: Broken) -> None:
    """It never came to rest."""
    broken.run.events = [e for e in broken.run.events if not isinstance(e, AtRest)]


def stuck_entry(broken: Broken) -> None:
    """An orphan on the stream."""
    broken.final = replace(broken.final, entries_left=("1-1",), ledger={**(broken.final.ledger or {}), "in_flight": 1})


def stuck_claim(broken: Broken) -> None:
    """A reservation that nobody releases."""
    broken.final = replace(broken.final, names_left=("emails ann@example.com",))


def stuck_replay(broken: Broken) -> None:
    """A replay that does not end."""
    broken.final = replace(broken.final, replays=(Replay(1, "running", 2, {"applied": 1, "waiting": 1}),))


def falsely_dead(broken: Broken) -> None:
    """A good write was dead-lettered, in an outage."""
    ended = broken.run.ended[-1]
    broken.final = _without(broken.final, ended)
    letter = Letter("1-0", ended.operation_id, "dead", "attempts_exhausted")
    broken.final = replace(broken.final, letters=(letter,))


def dead_with_another(broken: Broken) -> None:
    """A good write was dead-lettered because the database refused another entity."""
    ended = broken.run.ended[-1]
    broken.final = _without(broken.final, ended)
    broken.append(Refused(1, ("another",)))
    letter = Letter("1-0", ended.operation_id, "dead", "attempts_exhausted", entity_id=ended.entity.id)
    broken.final = replace(broken.final, letters=(letter,))


def ledger_misses(broken: Broken) -> None:
    """The ledger does not balance."""
    broken.final = replace(broken.final, ledger={**(broken.final.ledger or {}), "missing": 1})


def ledger_from_counters(broken: Broken) -> None:
    """The ledger balances, and counts what is not there."""
    terms = broken.final.ledger or {}
    more = {"accepted": terms["accepted"] + 1, "applied": terms["applied"] + 1}
    broken.final = replace(broken.final, ledger={**terms, **more})


def ledger_names_a_loss(broken: Broken) -> None:
    """The ledger balances with a write that it names as lost, and nothing was made to forget."""
    terms = broken.final.ledger or {}
    more = {"accepted": terms["accepted"] + 1, "lost": 1}
    broken.final = replace(broken.final, ledger={**terms, **more})


def letters_lost_by_a_replay(broken: Broken) -> None:
    """A replay whose outcomes do not add up."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 3, {"applied": 2}),))


def letter_without_its_operation(broken: Broken) -> None:
    """A letter is applied, and the database knows nothing of it."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted"))
    broken.final = replace(broken.final, letters=(Letter("1-0", "planted", "applied", "undecodable"),))


def replayed_twice(broken: Broken) -> None:
    """The queue got three letters of a replay of two."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 2, {"applied": 2}),), resent=3)


def mended_and_not_applied(broken: Broken) -> None:
    """A letter that was mended and replayed is still dead."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted", ends="applied"))
    broken.final = replace(broken.final, letters=(Letter("1-0", "planted", "dead", "undecodable"),))


def broken_letter_is_gone(broken: Broken) -> None:
    """A letter that cannot be applied is nowhere after its replay."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted", ends="dead"))
    broken.final = replace(broken.final, letters=(Letter("1-0", "planted", "dead_again", "undecodable"),))


#: What is broken -> (the check that must find it, the kind of violation).
BREAKS: dict[Callable[[Broken], None], tuple[str, str]] = {
    lost_write: ("lost", "lost"),
    applied_twice: ("doubled", "doubled"),
    two_operations_of_one_key: ("doubled", "doubled"),
    other_version: ("doubled", "doubled"),
    applied_and_dead: ("doubled", "double-homed"),
    out_of_nowhere: ("doubled", "doubled"),
    older_field_wins: ("order", "inverted"),
    wrongly_rejected: ("order", "inverted"),
    row_is_gone: ("order", "inverted"),
    tombstone_forgotten: ("uniqueness", "resurrected"),
    shared_unique_value: ("uniqueness", "doubled"),
    data_of_the_deleted: ("uniqueness", "resurrected"),
    applied_without_effect: ("answers", "answer that lies"),
    definite_and_happened: ("answers", "answer that lies"),
    not_found_though_it_exists: ("reads", "answer that lies"),
    deleted_is_shown: ("reads", "resurrected"),
    older_than_a_copy_says: ("reads", "stale"),
    copy_too_old: ("reads", "stale"),
    own_write_not_read: ("reads", "stale"),
    never_answered: ("deadlines", "hang"),
    answered_late: ("deadlines", "hang"),
    connection_dropped: ("deadlines", "hang"),
    stampede: ("calls", "stampede"),
    unsafe_call_repeated: ("calls", "doubled"),
    **EXTERNAL,
    **AVAILABLE,
    **OTHERS,
    slow_recovery: ("recovery", "slow recovery"),
    still_degraded: ("recovery", "slow recovery"),
    no_rest: ("leftovers", "stuck"),
    stuck_entry: ("leftovers", "stuck"),
    stuck_claim: ("leftovers", "stuck"),
    stuck_replay: ("leftovers", "stuck"),
    falsely_dead: ("dead", "falsely dead"),
    dead_with_another: ("dead", "falsely dead"),
    ledger_misses: ("ledger", "ledger"),
    ledger_from_counters: ("ledger", "ledger"),
    ledger_names_a_loss: ("ledger", "ledger"),
    letters_lost_by_a_replay: ("replays", "replay"),
    replayed_twice: ("replays", "doubled"),
    mended_and_not_applied: ("replays", "lost"),
    broken_letter_is_gone: ("replays", "lost"),
    letter_without_its_operation: ("replays", "replay"),
}


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda breaks: breaks.__name__)
def test_each_check_fails_on_a_run_that_breaks_its_promise(breaks: Callable[[Broken], None]) -> None:
    """Whichever run it was."""
    name, kind = BREAKS[breaks]
    for seed in SEEDS:
        broken = fresh(seed)
        breaks(broken)
        verdict = judge(broken.case())
        [checked] = [one for one in verdict.checked if one.name == name]
        assert kind in {violation.kind for violation in checked.violations}, seed
        assert verdict.word is Word.FALSE


def test_every_check_has_a_run_that_breaks_it() -> None:
    """A check without one might be unable to fail."""
    assert {name for name, _ in BREAKS.values()} == CHECKS.keys()


def test_a_run_in_which_too_little_happened_proves_nothing() -> None:
    """Unknown, unless a promise was broken all the same."""
    whole = fresh(0)
    wanted = ["kill of writer", "copy served"]
    assert judge(whole.case(), wanted).never == ("copy served",)
    assert judge(whole.case(), wanted).word is Word.UNKNOWN
    lost_write(whole)
    assert judge(whole.case(), wanted).word is Word.FALSE


def test_a_write_without_an_answer_may_have_happened_once() -> None:
    """The first operation is explained by it, a second one is not."""
    whole = fresh(3)
    attempt = whole.run.send("POST", "/users", body={"name": "x", "email": "x@example.com"})
    whole.append(Unknown(whole.run.step(), attempt, "hung up"))
    happened = Ended("first", Entity("users", "x"), "POST", 1_000_000, "applied")
    check, _ = CHECKS["doubled"]
    whole.final = replace(whole.final, ended=(*whole.final.ended, happened))
    assert not [*check(whole.case())]
    whole.final = replace(whole.final, ended=(*whole.final.ended, replace(happened, operation_id="second")))
    assert [violation.about for violation in check(whole.case())] == ["second"]


def test_what_happened_is_counted() -> None:
    """Each of the things that a run may be asked for."""
    whole = fresh(4)
    chance = random.Random(4)
    whole.append(Noted(1, "breaker opened"), Act(1, "eve", "replay", done=True), Act(1, "eve", "recall", done=False))
    attempt = whole.run.send("GET", "/users")
    whole.append(Ok(whole.run.step(), attempt, 200, age_s=chance.random(), degraded=True))
    found = counted(whole.case())
    assert found["breaker opened"] == found["operator: replay"] == found["copy served"] == found["kill of writer"] == 1
    assert "operator: recall" not in found
    assert found["write queued"] == sum(isinstance(e, Ok) and e.state == "queued" for e in whole.run.events)


def test_a_process_that_was_killed_owes_no_answer() -> None:
    """Its neighbour does."""
    whole = fresh(5)
    attempt = whole.run.send("GET", "/users")
    whole.append(Unknown(whole.run.step(), attempt, "reset"))
    check, _ = CHECKS["deadlines"]
    whole.append(Fault(whole.run.at_s - 0.01, whole.run.at_s + 1, "kill", "api-2"))
    assert [*check(whole.case())]
    whole.append(Fault(whole.run.at_s - 0.01, whole.run.at_s + 1, "kill", "api-1"))
    assert not [*check(whole.case())]


def test_of_a_client_that_asks_again_at_rest_the_last_answer_counts() -> None:
    """A copy first and fresh data later is well; the other way round is not."""
    check, _ = CHECKS["recovery"]
    for degraded, broken in (([True, False], False), ([False, True], True)):
        whole = fresh(7)
        for each in degraded:
            attempt = whole.run.send("GET", "/users")
            whole.append(Ok(whole.run.step(), attempt, 200, degraded=each))
        assert bool([*check(whole.case())]) is broken


def test_limits_are_those_of_the_run() -> None:
    """A run may state a shorter recovery."""
    whole = fresh(6)
    strict = Case(History(whole.run.events), whole.final, Limits(recovery_s=0.1))
    assert [violation.kind for violation in judge(strict).violations] == ["slow recovery"]
