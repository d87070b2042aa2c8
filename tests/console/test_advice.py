"""What the home page says first, what it advises, and the poison that newcomers practise on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.poison.entries import GOOD, MEANING, poison
from holdfast.services.dlq_admin.auditor.models import LedgerReading
from holdfast.services.dlq_admin.console.render.advice import at_a_glance, next_step
from holdfast.services.dlq_admin.console.render.chart import bars, shares
from holdfast.services.dlq_admin.console.render.labels import ITEMS, REASONS, REPLAYS, STATES, VERDICTS
from holdfast.services.dlq_admin.letters.models import BuildFix, GroupSummary
from holdfast.services.dlq_admin.overview import SystemState
from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.verdict import Verdict
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.writes.outcome import Reason


def _partial(model: Any, **values: Any) -> Any:
    """An instance with the fields that the advice reads."""
    return model.model_construct(**values)


def _state(dead: int, **more: Any) -> SystemState:
    letters = {"dead": dead, "replaying": 0, "dying_groups": min(dead, 1)}
    ledger = _partial(LedgerReading, missing=0, accepted=5)
    return _partial(SystemState, **{"letters": letters, "waiting": 0, "ledger": ledger, "writers": []} | more)


def _group(age_s: float = 0, reason: str = "invalid_data", changed: str | None = "no", dead: int = 1) -> GroupSummary:
    return _partial(
        GroupSummary,
        last_seen=(datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(),
        reason=reason,
        fix=_partial(BuildFix, changed=changed),
        counts={"dead": dead},
    )


def test_the_first_sentence() -> None:
    """Dying now, waiting quietly, nothing at all, or nobody can tell."""
    assert at_a_glance(_state(3), [_group(5)]).title == "Writes are being dead-lettered now"
    assert "The last one 2 h ago" in at_a_glance(_state(3), [_group(7200)]).says
    assert at_a_glance(_state(0), []).tone == "good"
    assert "All 5 accepted" in at_a_glance(_state(0), []).says
    assert at_a_glance(_state(0, letters=None, waiting=7), []).tone == "bad"
    assert "7 are on the stream" in at_a_glance(_state(0, letters=None, waiting=7), []).says


@pytest.mark.parametrize(
    ("reason", "changed", "step"),
    [("invalid_data", "no", "what_if"), ("undecodable", "no", "letters"), ("undecodable", "yes", "what_if"),
     ("crash_loop", "partly", "letters"), ("crash_loop", "yes", "what_if"), ("a later one", None, "what_if")],
)  # fmt: skip
def test_the_next_step(reason: str, changed: str | None, step: str) -> None:
    """A writer's killer is looked at before anything else, unless a new build runs."""
    assert next_step(_group(reason=reason, changed=changed)).step == step
    assert next_step(_group(reason=reason, changed=changed, dead=0)).step == ""


def test_every_value_has_a_word() -> None:
    """Of every closed set that pages show."""
    for known, words in ((State, STATES), (Reason, REASONS), (Verdict, VERDICTS), (ItemState, ITEMS),
                        (ReplayState, REPLAYS)):  # fmt: skip
        assert set(known) == set(words)


def test_charts_keep_within_their_frame() -> None:
    """Whatever the numbers; what is more than nothing is seen."""
    for values in ([], [0] * 24, [1, 10**9, 0]):
        for bar in bars(values):
            assert 0 <= bar.y <= 40
            assert bar.height >= (2 if bar.value else 1)
    drawn = shares({"a": 1, "b": 0, "c": 3}, ["c", "b", "a"])
    assert [(each.name, each.x, each.width) for each in drawn] == [("c", 0, 75), ("a", 75, 25)]


def test_poison_is_poison() -> None:
    """Every mishap is shown, and none of them can be read; the good ones can."""
    made = list(poison(10, 1_764_000_000_000_000, seed=1, good_each=1))
    assert {mishap for mishap, _ in made} == {*MEANING, GOOD}
    for mishap, fields in made:
        raw = {name.encode(): value for name, value in fields.items()}
        if mishap == GOOD:
            assert decode(raw).version >= 1_764_000_000_000_000
        else:
            with pytest.raises(Undecodable):
                decode(raw)
