"""Disputes: where the order of acceptance is not defined, and that everything else is compared."""

import random
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from tests.promises import order
from tests.promises.broken import Broken, fresh
from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Final, Row
from tests.promises.history import AHEAD, History, Ok, Planted
from tests.promises.limits import Limits
from tests.promises.made import Made
from tests.promises.sequential_model import Accepted
from tests.promises.verdict import CHECKS


def _direct(whole: Broken, place: int, **changes: Any) -> Ended:
    """Mark the operation at this place of the order as direct, past the queue, with these changes, and return it."""
    was = whole.final.ended[place]
    now = replace(was, direct=True, **changes)
    whole.final = replace(whole.final, ended=tuple(now if each is was else each for each in whole.final.ended))
    return now


@pytest.mark.parametrize("late", [False, True])
def test_a_direct_write_that_was_applied_out_of_its_order_is_not_compared(late: bool) -> None:
    """A direct write that overtook an older queued write of its entity, or was applied after a newer one, is not
    compared; nor is what follows from it."""
    whole = fresh(2)
    ended = whole.final.ended
    same = [
        (one, other)
        for one, other in combinations(range(len(ended)), 2)
        if ended[one].entity == ended[other].entity and ended[one].effect == ended[other].effect == "applied"
    ]
    older, newer = same[0]
    direct = _direct(whole, older, ended_at_s=ended[newer].ended_at_s) if late else _direct(
        whole, newer, ended_at_s=ended[older].ended_at_s
    )  # fmt: skip
    disputed = whole.case().disputed
    assert disputed.pairs >= 1
    assert {ended[older].operation_id, ended[newer].operation_id} <= disputed.operations
    assert direct.entity in disputed.entities


def test_a_direct_write_in_its_order_is_compared() -> None:
    """A direct write that was applied in its order is compared: going past the queue excuses nothing by itself."""
    whole = fresh(2)
    _direct(whole, 3)
    assert not whole.case().disputed.operations


@pytest.mark.parametrize(("partitions", "planted", "excused"), [(2, True, True), (1, True, False), (2, False, False)])
def test_a_partition_that_is_ahead(partitions: int, planted: bool, excused: bool) -> None:
    """A create that is refused an address which its holder frees later, with an older version on another partition, is
    in order only if an entry from the future was planted on one of several partitions."""
    wanted = {"name": "n", "email": "held@example.com"}
    run = Made(random.Random(1))
    writes = [
        ("first", "POST", "a", 1, wanted, "applied", ""),
        ("refused", "POST", "b", 900, wanted, "rejected", "EMAIL_TAKEN"),
        ("frees", "DELETE", "a", 2, {}, "applied", ""),
    ]  # fmt: skip
    ended = []
    for id, method, entity, version, values, effect, code in writes:
        attempt = run.send(method, "/users" if method == "POST" else f"/users/{entity}", body=values or None)
        run.events.append(Ok(run.step(), attempt, 202, id, entity, version, "queued"))
        ended.append(Ended(id, Entity("users", entity), method, version, effect, code, ended_at_s=run.at_s))
    if planted:
        run.events.insert(0, Planted(0.0, AHEAD, poison=True))
    rows = (Row(Entity("users", "a"), {}, 2, 1, 2),)
    case = Case(History(run.events), Final(tuple(ended), rows), Limits(partitions=partitions))
    assert [each.about for each in order.check(case)] == ([] if excused else ["refused", "b"])


def test_who_frees_a_unique_value_late_is_in_dispute_with_who_wanted_it() -> None:
    """A direct change that frees an address is in dispute with a newer create that was refused this address, if the
    change was applied after the refusal."""
    run = Made(random.Random(1))
    held = {"name": "n", "email": "held@example.com"}
    run.take(Accepted("first", "a", "POST", 1, held))
    run.take(Accepted("frees", "a", "PATCH", 2, {"email": "other@example.com"}), direct=True)
    for number, (method, path, body) in enumerate(
        [("POST", "/users", held), ("PATCH", "/users/a", {"email": "other@example.com"}), ("POST", "/users", held)]
    ):
        attempt = run.send(method, path, body=body)
        id, entity = [("first", "a"), ("frees", "a"), ("wants", "b")][number]
        run.events.append(Ok(run.step(), attempt, 202, id, entity, number + 1, "queued"))
    refused = Ended("wants", Entity("users", "b"), "POST", 3, "rejected", "EMAIL_TAKEN", ended_at_s=2)
    first, frees = run.ended
    final = replace(run.final(), ended=(replace(first, ended_at_s=1), replace(frees, ended_at_s=2.5), refused))
    assert not [*CHECKS["order"][0](Case(History(run.events), final))]
    final = replace(final, ended=(final.ended[0], replace(frees, ended_at_s=1.5), refused))
    assert [each.about for each in CHECKS["order"][0](Case(History(run.events), final))] == ["wants", "b"]
