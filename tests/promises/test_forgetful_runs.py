"""What a run that was made to forget is not held to: only that, and only from then on."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.promises.broken import Broken, fresh
from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Final, Letter, Replay, Row
from tests.promises.history import Event, Fail, Fault, History, Invoke, Ok, Planted, Unknown
from tests.promises.test_promises import lost_write, own_write_not_read
from tests.promises.verdict import CHECKS


def test_what_a_store_was_made_to_forget_is_not_lost() -> None:
    """A write that a failover forgot is not reported as lost if it was acknowledged in the period that was forgotten;
    any other missing write is."""
    broken = fresh(1)
    lost_write(broken)
    ids = {ended.operation_id for ended in broken.final.ended}
    [answer] = [e for e in broken.run.events if isinstance(e, Ok) and e.operation_id and e.operation_id not in ids]
    failover = Fault(answer.at_s + 0.1, answer.at_s + 0.1, "failover", "queue", forgets_since_s=answer.at_s - 0.1)
    check, _ = CHECKS["lost"]
    assert [*check(broken.case())]
    broken.append(failover)
    assert not [*check(broken.case())]
    sent_s = broken.case().history.sent_s[answer.attempt]
    broken.run.events[-1] = replace(failover, at_s=sent_s + 0.01, until_s=sent_s + 0.01, forgets_since_s=sent_s - 1)
    assert not [*check(broken.case())], "the queue took it before, and its answer was on its way"
    broken.run.events[-1] = replace(failover, forgets_since_s=answer.at_s + 0.05)
    assert [*check(broken.case())]


def letter_lost_by_a_replay(broken: Broken) -> None:
    """Report a replay that found the entry of one of its letters gone."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 2, {"applied": 1, "lost": 1}),))


def dead_again_after_a_failover(broken: Broken) -> None:
    """Make one write two open dead letters."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted"))
    letters = tuple(Letter(id, "planted", "dead", "undecodable") for id in ("1-0", "2-0"))
    broken.final = replace(broken.final, letters=letters)


def accepted_anew(broken: Broken) -> None:
    """Give a write whose first attempt stayed unknown another version in the answer to its next attempt."""
    answer = next(e for e in broken.run.events if isinstance(e, Ok) and e.version and e.state == "queued")
    broken.run.events[:] = [
        replace(e, version=answer.version + 1) if isinstance(e, Ok) and e.version == answer.version else e
        for e in broken.run.events
    ]
    _tried_before(broken, answer.attempt)


def _tried_before(broken: Broken, attempt: int) -> None:
    """Insert an earlier attempt of the same write, whose outcome is unknown."""
    at, sent = next((at, e) for at, e in enumerate(broken.run.events) if isinstance(e, Invoke) and e.attempt == attempt)
    broken.run.events.insert(at, replace(sent, attempt=10**6))
    broken.run.events.insert(at + 1, Unknown(sent.at_s, 10**6, "ACCEPTANCE_UNKNOWN", 504))


def test_a_write_whose_first_try_the_queue_forgot_has_the_version_of_that_try() -> None:
    """A write may have the version of an attempt that the queue forgot, because a writer had already taken that entry
    when the api retried. If the queue forgot only later, it is a violation."""
    check, _ = CHECKS["doubled"]
    whole = fresh(1)
    answer = next(e for e in whole.run.events if isinstance(e, Ok) and e.version and e.state == "queued")
    sent = next(e for e in whole.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    accepted_anew(whole)
    whole.run.events[:] = [e for e in whole.run.events if not isinstance(e, Unknown)]
    whole.append(Fault(sent.at_s, sent.at_s, "failover", "queue", forgets_since_s=sent.at_s))
    assert not [*check(whole.case())]
    whole.run.events[-1] = Fault(
        answer.at_s + 0.1, answer.at_s + 0.1, "failover", "queue", forgets_since_s=answer.at_s + 0.1
    )
    assert [*check(whole.case())]


@pytest.mark.parametrize(("breaks", "name"), [(letter_lost_by_a_replay, "replays"),
                                              (dead_again_after_a_failover, "doubled"),
                                              (accepted_anew, "doubled")])  # fmt: skip
def test_a_queue_that_forgets_is_not_held_to_what_it_forgot(breaks: Callable[[Broken], None], name: str) -> None:
    """Lost entries of replays and dead letters that came back are violations only if the queue has not failed over."""
    broken = fresh(1)
    breaks(broken)
    check, _ = CHECKS[name]
    assert [*check(broken.case())]
    broken.append(Fault(1, 1, "failover", "queue", forgets_since_s=0.5))
    assert not [*check(broken.case())]


def test_a_letter_that_was_sent_again_may_be_a_duplicate_when_the_queue_has_failed_over() -> None:
    """A replayed letter may be a duplicate after a failover, because a writer had its entry and no replica did. Without
    a failover the replay has sent the letter twice."""
    broken = fresh(1)
    applied = next(each for each in broken.final.ended if each.effect == "applied" and each.method == "POST"
                   and broken.case().rows[each.entity].visible)  # fmt: skip
    broken.append(Planted(1, "schema", poison=True, operation_id=applied.operation_id, ends="applied"))
    broken.final = replace(broken.final, letters=(Letter("1-0", applied.operation_id, "duplicate", "undecodable"),))
    check, _ = CHECKS["replays"]
    assert [each.about for each in check(broken.case())] == [applied.operation_id]
    broken.final = replace(broken.final, ledger={**(broken.final.ledger or {}), "epoch": 2})
    assert not [*check(broken.case())]


def test_what_was_in_hand_when_the_queue_forgot_may_be_passed_in_status() -> None:
    """A change that was accepted after the queue forgot a delete, and ended before that delete, may have the status
    applied although the entity is deleted."""
    check, _ = CHECKS["order"]
    whole = next(each for each in map(fresh, range(99)) if _change_after_a_delete(each))
    deleted, refused = _change_after_a_delete(whole)
    passing = replace(refused, effect="applied", code="", ended_at_s=deleted.ended_at_s - 0.1)
    whole.final = replace(whole.final, ended=tuple(passing if e is refused else e for e in whole.final.ended))
    forgets_s = whole.answer_of(deleted.operation_id).at_s + 0.01
    assert [each.about for each in check(whole.case())] == [refused.operation_id]
    whole.append(Fault(forgets_s, forgets_s, "wipe", "queue", forgets_since_s=0.0))
    assert not [*check(whole.case())]
    whole.run.events[-1] = Fault(forgets_s, forgets_s, "failover", "queue", forgets_since_s=forgets_s - 0.001)
    assert [each.about for each in check(whole.case())] == [refused.operation_id]
    _tried_before(whole, whole.answer_of(deleted.operation_id).attempt)
    assert not [*check(whole.case())], "a try of the delete may have been forgotten, and a writer had it"


def test_what_a_writer_still_had_when_the_queue_forgot_may_come_too_late() -> None:
    """A change that the queue forgot while a writer still had it may be rejected after a later delete was applied."""
    check, _ = CHECKS["order"]
    whole = next(each for each in map(fresh, range(99)) if _delete_after_a_change(each))
    changed, deleted = _delete_after_a_change(whole)
    late = replace(changed, effect="rejected", code="USER_NOT_FOUND", ended_at_s=deleted.ended_at_s + 0.1)
    whole.final = replace(whole.final, ended=tuple(late if each is changed else each for each in whole.final.ended))
    forgets_s = whole.answer_of(changed.operation_id).at_s + 0.01
    assert changed.operation_id in [each.about for each in check(whole.case())]
    whole.append(Fault(forgets_s, forgets_s, "wipe", "queue", forgets_since_s=0.0))
    assert not [*check(whole.case())]


def test_a_change_whose_create_was_in_hand_when_the_queue_forgot_may_find_nothing() -> None:
    """A change that was accepted after the queue forgot the create, and ended before it, may be rejected as not
    found."""
    ann, made, wanted = Entity("users", "ann"), {"name": "a", "email": "a@example.com"}, {"name": "b"}
    events: list[Event] = [
        Invoke(1, 1, "ann", "api-1", "POST", "/users", made, "key-1"),
        Ok(2, 1, 202, "create", ann.id, 10, "queued"),
        Fault(3, 3, "wipe", "queue", forgets_since_s=0.0),
        Invoke(4, 2, "ann", "api-1", "PATCH", "/users/ann", wanted, "key-2"),
        Ok(5, 2, 202, "change", ann.id, 20, "queued"),
    ]
    ended = (
        Ended("create", ann, "POST", 10, "applied", ended_at_s=7),
        Ended("change", ann, "PATCH", 20, "rejected", "USER_NOT_FOUND", ended_at_s=6),
    )
    final = Final(ended=ended, rows=(Row(ann, made, 10, 10, 0),))
    check, _ = CHECKS["order"]
    assert not [*check(Case(History(events), final))]
    unbroken = [event for event in events if not isinstance(event, Fault)]
    assert {each.about for each in check(Case(History(unbroken), final))} == {"change", "ann"}


def _delete_after_a_change(broken: Broken) -> tuple[Ended, Ended] | tuple[()]:
    """Return the last change of an entity that took effect and the delete after it, or an empty tuple if there is no
    such pair."""
    applied = [each for each in broken.final.ended if each.effect == "applied"]
    pairs = ((one, other) for one, other in pairwise(applied) if one.entity == other.entity)
    return next((pair for pair in pairs if [each.method for each in pair] == ["PATCH", "DELETE"]), ())


def _change_after_a_delete(broken: Broken) -> tuple[Ended, Ended] | tuple[()]:
    """Return a delete that was sent once and took effect, and a change of the same entity that was refused because of
    it, or an empty tuple if there is no such pair."""
    intents = broken.case().writes.by_operation
    deletes = {each.entity: each for each in broken.final.ended if each.method == "DELETE" and each.effect == "applied"
               and len(intents[each.operation_id].attempts) == 1}  # fmt: skip
    changes = (each for each in broken.final.ended if each.method == "PATCH" and each.code.endswith("NOT_FOUND"))
    pairs = ((deletes[each.entity], each) for each in changes if each.entity in deletes)
    return next((pair for pair in pairs if pair[0].version < pair[1].version), ())


def test_two_writes_of_one_version_have_no_order_after_a_failover() -> None:
    """Two writes with the same version have no defined order after a failover, because the queue forgot that it had
    given the version. Without a failover they are compared."""
    whole = fresh(2)
    ended = sorted(whole.final.ended, key=lambda each: each.version)
    first, second = [each for each in ended if each.effect == "applied" and each.method != "POST"][:2]
    alike = replace(second, version=first.version)
    whole.final = replace(whole.final, ended=tuple(alike if each is second else each for each in ended))
    assert not whole.case().disputed.operations
    whole.append(Fault(1, 1, "failover", "queue", forgets_since_s=0.5))
    assert {first.operation_id, second.operation_id} <= whole.case().disputed.operations


def _lost(broken: Broken, seen: bool, named: int) -> Ok:
    """Remove an acknowledged write together with the queue's memory, and return its answer. `seen`: whether the auditor
    had seen the write before; `named`: how many writes the ledger names as lost."""
    before = {ended.operation_id for ended in broken.final.ended}
    lost_write(broken)
    [lost] = before - {ended.operation_id for ended in broken.final.ended}
    answer = broken.answer_of(lost)
    broken.append(Fault(answer.at_s, answer.at_s + 1, "wipe", "queue", forgets_since_s=0.0))
    terms = broken.final.ledger or {}
    ledger = {**terms, "applied": terms["applied"] - 1, "lost": named, "accepted": terms["accepted"] - 1 + named}
    first, second = (0, answer.version - (not seen)), (answer.version, answer.version + 9)
    broken.final = replace(broken.final, ledger=ledger, seen=(first, second))
    return answer


@pytest.mark.parametrize(("seen", "named", "kinds"), [
    (True, 1, set()), (True, 0, {"lost in silence"}), (False, 0, set()), (False, 99, {"ledger"}),
])  # fmt: skip
def test_what_the_queue_forgot_is_named(seen: bool, named: int, kinds: set[str]) -> None:
    """The ledger has to name every lost write that the auditor had seen in its epoch, and no more than can be lost;
    then it balances."""
    check, _ = CHECKS["ledger"]
    broken = fresh(1)
    _lost(broken, seen, named)
    assert {violation.kind for violation in check(broken.case())} == kinds
    broken.final = replace(broken.final, ledger={**(broken.final.ledger or {}), "missing": 1})
    assert "ledger" in {violation.kind for violation in check(broken.case())}


def test_a_write_by_hand_makes_up_for_a_lost_one() -> None:
    """A write that was put on the stream by hand, with a version that the auditor had seen, stands for a lost one."""
    check, _ = CHECKS["ledger"]
    broken = fresh(1)
    answer = _lost(broken, seen=True, named=0)
    by_hand = replace(broken.final.ended[0], operation_id="planted", version=answer.version)
    broken.final = replace(broken.final, ended=(*broken.final.ended, by_hand))
    assert [each.kind for each in check(broken.case())] == ["lost in silence"]
    broken.append(Planted(1, "schema", poison=False, operation_id="planted"))
    assert not [*check(broken.case())]


def test_a_write_that_was_lost_and_accepted_again_is_named() -> None:
    """A write that the queue forgot is named as lost even if its client sent it again and it was accepted again. A
    write that was not sent again after the loss may not be named."""
    check, _ = CHECKS["ledger"]
    broken = fresh(1)
    answer = _lost(broken, seen=True, named=2)
    assert [each.kind for each in check(broken.case())] == ["ledger"]
    other = next(e for e in broken.run.events if isinstance(e, Ok) and e.state == "queued" and e is not answer)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == other.attempt)
    forgot = broken.run.events[-1]
    assert isinstance(forgot, Fault)
    broken.run.events[-1] = replace(forgot, at_s=max(forgot.at_s, sent.at_s + 0.001))
    at_s = broken.run.events[-1].at_s + 1
    broken.append(replace(sent, attempt=10**6, at_s=at_s))
    broken.append(replace(other, attempt=10**6, at_s=at_s))
    assert not [*check(broken.case())]


@pytest.mark.parametrize(("id", "answer", "kind"), [
    ("0190b3e2-0000-7000-8000-000000000000", "lost", ""),
    ("0190b3e2-0000-7000-8000-000000000000", "queued", "answer that lies"),
    ("0190b3e2-0000-7000-8000-000000000000", "404", "lost in silence"),
    ("0190b3e2-0000-8000-8000-000000000000", "404", ""),
])  # fmt: skip
def test_an_operation_that_is_lost_is_named_so(id: str, answer: str, kind: str) -> None:
    """At rest, the status of a lost operation is lost, neither not found nor queued. Only an id that holds no time may
    be not found after a loss."""
    broken = fresh(1)
    lost = _lost(broken, seen=True, named=1)
    broken.change(lost, operation_id=id)
    attempt = broken.run.send("GET", f"/operations/{id}")
    at_s = broken.run.step()
    broken.append(Fail(at_s, attempt, 404, "OPERATION_NOT_FOUND") if answer == "404" else
                  Ok(at_s, attempt, 200, id, state=answer))  # fmt: skip
    check, _ = CHECKS["answers"]
    assert [violation.kind for violation in check(broken.case())] == ([kind] if kind else [])
    broken.append(Fault(0, lost.at_s, "clock_jump", "api-1"))  # the time in the id is not that of the loss
    assert bool([*check(broken.case())]) == (kind == "answer that lies")


def test_a_failover_is_no_excuse_where_replicas_were_waited_for() -> None:
    """Where replicas are waited for, a failover forgets only what was acknowledged after it, so an earlier write that
    is missing is lost."""
    broken = fresh(1)
    answer = _lost(broken, seen=True, named=1)
    broken.run.events.pop()
    broken.append(Fault(answer.at_s, answer.at_s + 1, "failover", "queue", forgets_since_s=answer.at_s + 1))
    check, _ = CHECKS["lost"]
    assert [*check(broken.case())]


def test_who_is_left_with_the_old_primary_knows_what_is_applied() -> None:
    """A process that a split leaves with the old primary may miss writes that are only queued. Other processes, and the
    same process at another time, are not excused."""
    broken = fresh(1)
    [row, *_] = [each for each in broken.final.rows if each.visible]
    own_write_not_read(broken, row)
    check, _ = CHECKS["reads"]
    broken.run.events[:] = [
        replace(e, state="queued") if isinstance(e, Ok) and e.entity_id == row.entity.id else e
        for e in broken.run.events
    ]
    assert [*check(broken.case())]
    now_s, asked = broken.run.at_s, broken.run.events[-2]
    assert isinstance(asked, Invoke)
    for split, excused in (
        (Fault(now_s - 1, now_s + 1, "split", f"{asked.target}>queue"), True),
        (Fault(now_s - 1, now_s + 1, "split", "another>queue"), False),
        (Fault(now_s - 9, now_s - 5, "split", f"{asked.target}>queue"), False),
    ):
        broken.append(split)
        assert bool([*check(broken.case())]) is not excused
        broken.run.events.pop()
