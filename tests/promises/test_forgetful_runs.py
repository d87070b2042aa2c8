"""What a run that was made to forget is not held to: only that, and only from then on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.promises.broken import Broken, fresh
from tests.promises.final import Letter, Replay
from tests.promises.history import Fault, Ok, Planted
from tests.promises.test_promises import lost_write
from tests.promises.verdict import CHECKS


def test_what_a_store_was_made_to_forget_is_not_lost() -> None:
    """Only what was acknowledged in the moments that it forgot."""
    broken = fresh(1)
    lost_write(broken)
    ids = {ended.operation_id for ended in broken.final.ended}
    [answer] = [e for e in broken.run.events if isinstance(e, Ok) and e.operation_id and e.operation_id not in ids]
    failover = Fault(answer.at_s + 0.1, answer.at_s + 0.1, "failover", "queue", forgets_since_s=answer.at_s - 0.1)
    check, _ = CHECKS["lost"]
    assert [*check(broken.case())]
    broken.append(failover)
    assert not [*check(broken.case())]
    broken.run.events[-1] = replace(failover, forgets_since_s=answer.at_s + 0.05)
    assert [*check(broken.case())]


def letter_lost_by_a_replay(broken: Broken) -> None:
    """A letter's entry was gone when its replay looked for it."""
    broken.final = replace(broken.final, replays=(Replay(1, "done", 2, {"applied": 1, "lost": 1}),))


def dead_again_after_a_failover(broken: Broken) -> None:
    """A write is two open dead letters."""
    broken.append(Planted(1, "schema", poison=True, operation_id="planted"))
    letters = tuple(Letter(id, "planted", "dead", "undecodable") for id in ("1-0", "2-0"))
    broken.final = replace(broken.final, letters=letters)


@pytest.mark.parametrize(("breaks", "name"), [(letter_lost_by_a_replay, "replays"),
                                              (dead_again_after_a_failover, "doubled")])  # fmt: skip
def test_a_queue_that_forgets_is_not_held_to_what_it_forgot(breaks: Callable[[Broken], None], name: str) -> None:
    """Entries of replays go with it, and entries that had died come back; without that it is a violation."""
    broken = fresh(1)
    breaks(broken)
    check, _ = CHECKS[name]
    assert [*check(broken.case())]
    broken.append(Fault(1, 1, "failover", "queue", forgets_since_s=0.5))
    assert not [*check(broken.case())]


def test_two_writes_of_one_version_have_no_order_after_a_failover() -> None:
    """The queue forgot that it had given the version; otherwise they are compared."""
    whole = fresh(2)
    ended = sorted(whole.final.ended, key=lambda each: each.version)
    first, second = [each for each in ended if each.effect == "applied" and each.method != "POST"][:2]
    alike = replace(second, version=first.version)
    whole.final = replace(whole.final, ended=tuple(alike if each is second else each for each in ended))
    assert not whole.case().disputed.operations
    whole.append(Fault(1, 1, "failover", "queue", forgets_since_s=0.5))
    assert {first.operation_id, second.operation_id} <= whole.case().disputed.operations
