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
    """A run that keeps every promise passes all checks, also after its events were written to JSON lines and read
    back."""
    whole = fresh(seed)
    assert judge(whole.case()).violations == ()
    again = Case(read(lines(whole.run.events)), whole.final)
    assert again.history.events == tuple(whole.run.events)
    assert judge(again).word is Word.TRUE


@pytest.mark.parametrize("effect", ["rejected", "applied"])
def test_what_was_refused_may_end_as_rejected(effect: str) -> None:
    """An operation that the api refused may end as rejected, because the queue had it as well; ending as applied is a
    violation."""
    whole = fresh(2)
    attempt = whole.run.send("PUT", "/users/one", key="used before", body={"name": "another"})
    whole.append(Fail(whole.run.step(), attempt, 422, "IDEMPOTENCY_KEY_REUSED", "of the first"))
    own = Ended("its own", Entity("users", "one"), "PUT", 7, effect, code="IDEMPOTENCY_KEY_REUSED")
    whole.final = replace(whole.final, ended=(*whole.final.ended, own))
    assert any(doubled.check(whole.case())) == (effect == "applied")


def _without(final: Final, ended: Ended) -> Final:
    return replace(final, ended=tuple(each for each in final.ended if each != ended))


def lost_write(broken: Broken) -> None:
    """Remove an acknowledged operation from the final state."""
    broken.final = _without(broken.final, broken.any_applied())


def applied_twice(broken: Broken) -> None:
    """End an operation twice."""
    broken.final = replace(broken.final, ended=(*broken.final.ended, broken.any_applied()))


def two_operations_of_one_key(broken: Broken) -> None:
    """Make a repeated request another operation."""
    ended = broken.any_applied()
    answer = broken.answer_of(ended.operation_id)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    again = replace(sent, attempt=10_001)
    broken.append(again, replace(answer, attempt=10_001, operation_id="another"))
    broken.final = replace(broken.final, ended=(*broken.final.ended, replace(ended, operation_id="another")))


def other_version(broken: Broken) -> None:
    """Apply an operation at another place in the order than the client was given."""
    ended = broken.any_applied()
    other = replace(ended, version=ended.version + 100_000)
    broken.final = replace(broken.final, ended=tuple(other if e is ended else e for e in broken.final.ended))


def applied_and_dead(broken: Broken) -> None:
    """Add a dead letter of an operation that was applied."""
    letter = Letter("1-0", broken.any_applied().operation_id, "dead", "crash_loop")
    broken.final = replace(broken.final, letters=(letter,))


def out_of_nowhere(broken: Broken) -> None:
    """Add an operation that no client sent."""
    stranger = Ended("stranger", Entity("users", "stranger"), "POST", 7, "applied")
    broken.final = replace(broken.final, ended=(*broken.final.ended, stranger))


def older_field_wins(broken: Broken) -> None:
    """Give a row the value of an older write."""
    row = broken.run.chance.choice([row for row in broken.final.rows if row.visible])
    older = replace(row, values={**row.values, "name": "older"})
    broken.final = replace(broken.final, rows=tuple(older if r is row else r for r in broken.final.rows))


def wrongly_rejected(broken: Broken) -> None:
    """Reject an operation that was valid in order."""
    ended = broken.any_applied()
    worse = replace(ended, effect="rejected", code="EMAIL_TAKEN")
    broken.final = replace(broken.final, ended=tuple(worse if e is ended else e for e in broken.final.ended))


def row_is_gone(broken: Broken) -> None:
    """Remove the row of a visible entity."""
    row = broken.run.chance.choice([row for row in broken.final.rows if row.visible])
    broken.final = replace(broken.final, rows=tuple(r for r in broken.final.rows if r is not row))


def tombstone_forgotten(broken: Broken) -> None:
    """Make a deleted entity visible at rest."""
    deleted = next(row for row in broken.final.rows if row.deleted_version)
    back = replace(deleted, values={"name": "back", "email": "back@example.com"}, deleted_version=0)
    broken.final = replace(broken.final, rows=tuple(back if r is deleted else r for r in broken.final.rows))


def shared_unique_value(broken: Broken) -> None:
    """Give two entities the same address."""
    row = next(row for row in broken.final.rows if row.visible)
    twin = replace(row, entity=Entity("users", "twin"))
    broken.final = replace(broken.final, rows=(*broken.final.rows, twin))


def data_of_the_deleted(broken: Broken) -> None:
    """Report a tombstone that holds a name."""
    broken.final = replace(broken.final, unerased=("user-1",))


def applied_without_effect(broken: Broken) -> None:
    """Answer a client that a rejected write was applied."""
    answer = broken.answer_of(broken.any_applied().operation_id)
    broken.final = _without(broken.final, broken.run.ended[-1])
    broken.change(answer, operation_id=broken.run.ended[-1].operation_id, state="applied", status=201)


def definite_and_happened(broken: Broken) -> None:
    """Refuse every attempt of an operation that took effect with a definite error."""
    answer = broken.answer_of(broken.any_applied().operation_id)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    tries = {e.attempt for e in broken.run.events if isinstance(e, Invoke) and e.key == sent.key}
    refusal = Fail(answer.at_s, 0, 503, "WRITES_UNAVAILABLE", answer.operation_id, retryable=True)
    broken.run.events = [
        replace(refusal, attempt=e.attempt) if isinstance(e, Ok | Fail | Unknown) and e.attempt in tries else e
        for e in broken.run.events
    ]


def not_found_though_it_exists(broken: Broken) -> None:
    """Answer 404 for a visible entity."""
    row = next(row for row in broken.final.rows if row.visible and row.entity.id in broken.run.created)
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    broken.append(Fail(broken.run.step(), attempt, 404, "USER_NOT_FOUND"))


def deleted_is_shown(broken: Broken) -> None:
    """Show in an unmarked read an entity that had been deleted before."""
    deleted = next(row for row in broken.final.rows if row.deleted_version)
    attempt = broken.run.send("GET", f"/users/{deleted.entity.id}")
    shown = (Shown(deleted.entity.id, deleted.created_version),)
    broken.append(Ok(broken.run.step(), attempt, 200, shown=shown, pending=False))


def older_than_a_copy_says(broken: Broken) -> None:
    """Answer from a copy that claims an age of two seconds and lacks a write applied 1000 s ago."""
    row = next(row for row in broken.final.rows if row.visible)
    operation = next(e for e in broken.final.ended if e.version == row.version)
    broken.change(broken.answer_of(operation.operation_id), state="applied", status=200)
    broken.run.at_s += 1000
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    shown = (Shown(row.entity.id, row.version - 1),)
    broken.append(Ok(broken.run.step(), attempt, 200, shown=shown, age_s=2.0, degraded=True))


def copy_too_old(broken: Broken) -> None:
    """Answer from a copy that is a day old."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Ok(broken.run.step(), attempt, 200, age_s=86_400, degraded=True))


def own_write_not_read(broken: Broken, row: Row | None = None) -> None:
    """Answer a fresh read without a queued write."""
    row = row or next(row for row in broken.final.rows if row.visible)
    attempt = broken.run.send("GET", f"/users/{row.entity.id}")
    broken.append(Ok(broken.run.step(), attempt, 200, shown=(Shown(row.entity.id, row.version - 1),), pending=True))


def never_answered(broken: Broken) -> None:
    """Send a request that never ends."""
    broken.run.send("GET", "/users")


def answered_late(broken: Broken) -> None:
    """Answer a request after a minute."""
    attempt = broken.run.send("GET", "/users")
    broken.run.at_s += 60
    broken.append(Ok(broken.run.step(), attempt, 200))


def answered_after_its_own_deadline(broken: Broken) -> None:
    """Answer a request two seconds after the time that it gave."""
    attempt = broken.run.send("GET", "/users", within_s=0.5)
    broken.run.at_s += 2.5
    broken.append(Ok(broken.run.step(), attempt, 200))


def connection_dropped(broken: Broken) -> None:
    """Drop a request at a process without a fault."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Unknown(broken.run.step(), attempt, "reset"))


def stampede(broken: Broken) -> None:
    """Make retries without a budget."""
    calls = broken.final.arrivals or ()
    broken.final = replace(broken.final, arrivals=(*calls, *[Arrival(1, "GET")] * (10 * len(calls) + 100)))


def unsafe_call_repeated(broken: Broken) -> None:
    """Deliver a POST without an idempotency key twice."""
    attempt = broken.run.send("POST", "/external")
    broken.append(Fail(broken.run.step(), attempt, 502, "UPSTREAM_FAILED"))
    broken.final = replace(broken.final, arrivals=(Arrival(1, "POST"), Arrival(2, "POST")))


def slow_recovery(broken: Broken) -> None:
    """Let recovery take a day."""
    rest = next(e for e in broken.run.events if isinstance(e, AtRest))
    broken.change(rest, mended_s=rest.at_s - 86_400)


def still_degraded(broken: Broken) -> None:
    """Answer a read from a copy at rest."""
    attempt = broken.run.send("GET", "/users")
    broken.append(Ok(broken.run.step(), attempt, 200, age_s=3, degraded=True))


def no_rest(broken: Broken) -> None:
    """Remove the event that the run came to rest."""
    broken.run.events = [e for e in broken.run.events if not isinstance(e, AtRest)]


def stuck_entry(broken: Broken) -> None:
    """Leave an orphan on the stream."""
    broken.final = replace(broken.final, entries_left=("1-1",), ledger={**(broken.final.ledger or {}), "in_flight": 1})


def stuck_claim(broken: Broken) -> None:
    """Leave a claim that is never released."""
    broken.final = replace(broken.final, names_left=("emails ann@example.com",))


def stuck_replay(broken: Broken) -> None:
    """Leave a replay that does not end."""
    broken.final = replace(broken.final, replays=(Replay(1, "running", 2, {"applied": 1, "waiting": 1}),))


def falsely_dead(broken: Broken) -> None:
    """Dead-letter a valid write in an outage."""
    ended = broken.run.ended[-1]
    broken.final = _without(broken.final, ended)
    letter = Letter("1-0", ended.operation_id, "dead", "attempts_exhausted")
    broken.final = replace(broken.final, letters=(letter,))


def dead_with_another(broken: Broken) -> None:
    """Dead-letter a valid write because the database refused another entity."""
    ended = broken.run.ended[-1]
    broken.final = _without(broken.final, ended)
    broken.append(Refused(1, ("another",)))
    letter = Letter("1-0", ended.operation_id, "dead", "attempts_exhausted", entity_id=ended.entity.id)
    broken.final = replace(broken.final, letters=(letter,))


def ledger_misses(broken: Broken) -> None:
    """Make the ledger not balance."""
    broken.final = replace(broken.final, ledger={**(broken.final.ledger or {}), "missing": 1})


def ledger_from_counters(broken: Broken) -> None:
    """Make the ledger balance with counts of a write that does not exist."""
    terms = broken.final.ledger or {}
    more = {"accepted": terms["accepted"] + 1, "applied": terms["applied"] + 1}
    broken.final = replace(broken.final, ledger={**terms, **more})


def ledger_names_a_loss(broken: Broken) -> None:
    """Make the ledger balance with a write that it names as lost, although nothing was made to forget."""
    terms = broken.final.ledger or {}
    more = {"accepted": terms["accepted"] + 1, "lost": 1}
    broken.final = replace(broken.final, ledger={**terms, **more})


def letters_lost_by_a_replay(broken: Broken) -> None:
    """Report a replay whose outcomes do not add up."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 3, {"applied": 2}),))


def letter_without_its_operation(broken: Broken) -> None:
    """Mark a letter as applied whose operation the database does not have."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted"))
    broken.final = replace(broken.final, letters=(Letter("1-0", "planted", "applied", "undecodable"),))


def replayed_twice(broken: Broken) -> None:
    """Report three letters sent to the queue by a replay of two."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 2, {"applied": 2}),), resent=3)


def mended_and_not_applied(broken: Broken) -> None:
    """Leave a letter that was mended and replayed dead."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted", ends="applied"))
    broken.final = replace(broken.final, letters=(Letter("1-0", "planted", "dead", "undecodable"),))


def broken_letter_is_gone(broken: Broken) -> None:
    """Mark a letter that cannot be applied as replaced by its replay, without the new letter."""
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
    answered_after_its_own_deadline: ("deadlines", "hang"),
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
    """Each check finds the broken promise that it is responsible for, in the run of every seed."""
    name, kind = BREAKS[breaks]
    for seed in SEEDS:
        broken = fresh(seed)
        breaks(broken)
        verdict = judge(broken.case())
        [checked] = [one for one in verdict.checked if one.name == name]
        assert kind in {violation.kind for violation in checked.violations}, seed
        assert verdict.word is Word.FALSE


def test_every_check_has_a_run_that_breaks_it() -> None:
    """Every check has at least one run that breaks its promise; a check without such a run might be unable to fail."""
    assert {name for name, _ in BREAKS.values()} == CHECKS.keys()


def test_a_run_in_which_too_little_happened_proves_nothing() -> None:
    """The verdict of a run in which a wanted event never happened is unknown, unless a promise was broken all the
    same."""
    whole = fresh(0)
    wanted = ["kill of writer", "copy served"]
    assert judge(whole.case(), wanted).never == ("copy served",)
    assert judge(whole.case(), wanted).word is Word.UNKNOWN
    lost_write(whole)
    assert judge(whole.case(), wanted).word is Word.FALSE


def test_a_write_without_an_answer_may_have_happened_once() -> None:
    """A write whose answer is unknown explains one operation, but not a second one."""
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
    """Every event that a run may be required to contain is counted, and an act that was not done is not."""
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
    """A request to a process that was killed needs no answer; a request to its neighbour does."""
    whole = fresh(5)
    attempt = whole.run.send("GET", "/users")
    whole.append(Unknown(whole.run.step(), attempt, "reset"))
    check, _ = CHECKS["deadlines"]
    whole.append(Fault(whole.run.at_s - 0.01, whole.run.at_s + 1, "kill", "api-2"))
    assert [*check(whole.case())]
    whole.append(Fault(whole.run.at_s - 0.01, whole.run.at_s + 1, "kill", "api-1"))
    assert not [*check(whole.case())]


def test_of_a_client_that_asks_again_at_rest_the_last_answer_counts() -> None:
    """At rest, a client that asks again may get a copy first and fresh data later, but not the other way round."""
    check, _ = CHECKS["recovery"]
    for degraded, broken in (([True, False], False), ([False, True], True)):
        whole = fresh(7)
        for each in degraded:
            attempt = whole.run.send("GET", "/users")
            whole.append(Ok(whole.run.step(), attempt, 200, degraded=each))
        assert bool([*check(whole.case())]) is broken


def test_a_replay_takes_the_time_that_an_operator_gave_it() -> None:
    """The system may be at work for longer after the faults if a replay has so many letters at its own pace."""
    check, _ = CHECKS["recovery"]
    for paced_s, violations in ((0.0, 1), (40.0, 0)):
        whole = fresh(8)
        rest = next(e for e in whole.run.events if isinstance(e, AtRest))
        whole.change(rest, mended_s=rest.at_s - Limits().recovery_s - 30, paced_s=paced_s)
        assert len([*check(whole.case())]) == violations


def test_limits_are_those_of_the_run() -> None:
    """A run is judged by its own limits, such as a shorter recovery time."""
    whole = fresh(6)
    strict = Case(History(whole.run.events), whole.final, Limits(recovery_s=0.1))
    assert [violation.kind for violation in judge(strict).violations] == ["slow recovery"]
