"""The first lines of the home page, its advice, and the poison that newcomers practise on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.poison.entries import GOOD, MEANING, poison
from holdfast.services.dlq_admin.auditor.models import LedgerReading
from holdfast.services.dlq_admin.breakers import BreakerSummary
from holdfast.services.dlq_admin.console.render.advice import STEPS, address, at_a_glance, next_step
from holdfast.services.dlq_admin.console.render.chart import bars, shares
from holdfast.services.dlq_admin.console.render.labels import ITEMS, REASONS, REPLAYS, STATES, VERDICTS
from holdfast.services.dlq_admin.console.render.moments import ago
from holdfast.services.dlq_admin.console.render.outage import outage
from holdfast.services.dlq_admin.letters.models import BuildFix, GroupStanding, GroupSummary, GroupWhatIf
from holdfast.services.dlq_admin.overview import Backlog, SystemState
from holdfast.services.dlq_admin.replays.models import ReplaySummary
from holdfast.services.dlq_admin.writers import WriterSummary
from holdfast.shared.letters.replays.plan import WAITING_FOR_A_PERSON, ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.writes.outcome import Reason

_BREAKERS = [
    ("api", "database"), ("api", "queue"), ("api", "cache"), ("writer", "database"), ("external_proxy", "x:get"),
]  # fmt: skip


def _partial(model: Any, **values: Any) -> Any:
    """Return an instance with only the fields that the advice reads."""
    return model.model_construct(**values)


def _state(dead: int, **more: Any) -> SystemState:
    letters = {"dead": dead, "replaying": 0, "dying_groups": min(dead, 1)}
    ledger = _partial(LedgerReading, missing=0, accepted=5, lost=0)
    return _partial(
        SystemState,
        **{
            "letters": letters,
            "waiting": 0,
            "ledger": ledger,
            "writers": [_partial(WriterSummary, halted=None)],
            "partitions_away": [],
            "breakers": [],
            "backlog": _partial(Backlog, depth=0, oldest_age_s=0.0),
        }
        | more,
    )


@pytest.mark.parametrize(
    ("suggested", "title", "step", "says"),
    [([{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}], "A suggested patch may repair them",
      "preview", "rename full_name -> name"),
     ([{"op": "replace", "path": "/schema", "value": "2"}, {"op": "remove", "path": "/payload/x"}],
      "A suggested patch may repair them", "preview", "schema = 2, remove x"),
     ([{"op": "replace", "path": "/payload/name", "value": None}], "Look at a letter", "letter", "can decode"),
     ([{"op": "add", "path": "/payload", "value": {"name": None}}], "Ask the producer, then discard them", "letter",
      "cannot be repaired here")],
)  # fmt: skip
def test_undecodable_letters_are_advised_by_what_could_repair_them(
    suggested: list[dict[str, Any]], title: str, step: str, says: str
) -> None:
    """A patch that needs no value from a person is previewed, and for letters with nothing to repair the
    advice is to ask their producer."""
    standing = GroupStanding(looked_at=1, edited=0, replay_id=None, what_if=None, suggested=suggested)
    group = _group(reason="undecodable", standing=standing)
    advice = next_step(group)
    assert advice.title.startswith(title)
    assert (advice.step, says in advice.says) == (step, True)
    assert ("act=preview" in address(group, advice.step)) == (step == "preview")


def _group(
    age_s: float = 0,
    reason: str = "invalid_data",
    changed: str | None = "no",
    dead: int = 1,
    replaying: int = 0,
    standing: GroupStanding | None = None,
) -> GroupSummary:
    return _partial(
        GroupSummary,
        last_seen=(datetime.now(UTC) - timedelta(seconds=age_s)).isoformat(),
        reason=reason,
        fix=_partial(BuildFix, changed=changed),
        fingerprint="0123456789abcdef",
        last_id="1764000000000-0",
        counts={"dead": dead, "replaying": replaying},
        standing=standing,
    )


def test_the_first_sentence() -> None:
    """The first line says whether writes are being dead-lettered now, letters wait, nothing waits, or the letters are
    unknown."""
    assert at_a_glance(_state(3), [_group(5)]).title == "Writes are being dead-lettered now"
    assert "The last one 2 h ago" in at_a_glance(_state(3), [_group(7200)]).says
    assert at_a_glance(_state(0), []).tone == "good"
    assert "All 5 accepted" in at_a_glance(_state(0), []).says
    assert at_a_glance(_state(0, letters=None, waiting=7), []).tone == "bad"
    assert "7 wait on their stream" in at_a_glance(_state(0, letters=None, waiting=7), []).says
    assert "none waits on their stream" in at_a_glance(_state(0, letters=None, waiting=0), []).says


def test_the_first_sentence_is_not_green_while_writes_wait_or_are_missing() -> None:
    """Without dead letters the first line is still bad when no writer runs or the ledger does not balance, and lost
    writes are not called accounted for without the word."""
    assert at_a_glance(_state(0, writers=[]), [])[:2] == ("bad", "No writer is running")
    assert at_a_glance(_state(0, breakers=None), []).tone == "warn"  # the cache is away
    missing = at_a_glance(_state(0, ledger=_partial(LedgerReading, missing=2, accepted=5, lost=0)), [])
    assert (missing.tone, missing.title) == ("bad", "The ledger does not balance")
    assert "2 missing" in missing.says
    lost = at_a_glance(_state(0, ledger=_partial(LedgerReading, missing=0, accepted=5, lost=2)), [])
    assert "2 of them as lost" in lost.says


@pytest.mark.parametrize("held", WAITING_FOR_A_PERSON)
def test_the_first_sentence_is_not_green_while_a_replay_waits_for_a_person(held: ReplayState) -> None:
    """Letters of a replay that waits for a person are not being sent, and the first line names it and what it waits
    for."""
    state = _state(0, letters={"dead": 0, "replaying": 7, "dying_groups": 1})
    replays = [_partial(ReplaySummary, id=number, state=each) for number, each in ((4, ReplayState.RUNNING), (3, held))]
    assert at_a_glance(state, [], replays[:1]) == ("good", "No dead letters", "7 are being sent again.", "")
    glance = at_a_glance(state, [], replays)
    assert (glance.tone, glance.says.startswith("Replay 3 is "), "sent again" in glance.says) == ("warn", True, False)
    assert ("approves" in glance.says) is (held is ReplayState.AWAITING_APPROVAL) is ("resume" not in glance.says)


@pytest.mark.parametrize(
    ("away", "backlog", "title"),
    [([2], _partial(Backlog, depth=0, oldest_age_s=0.0), "Partition 2 of the queue does not answer"),
     ([0], None, "The queue does not answer")],
)  # fmt: skip
def test_without_a_part_of_the_queue_not_all_is_well(away: list[int], backlog: Backlog | None, title: str) -> None:
    """A missing part of the queue is the first line, whether or not letters wait; only writes that are being
    dead-lettered come before it."""
    more = {"partitions_away": away, "backlog": backlog, "ledger": None}
    quiet = at_a_glance(_state(0, **more), [])
    assert (quiet.tone, quiet.title) == ("warn", title)
    assert "No letter needs a decision" in quiet.says
    waiting = at_a_glance(_state(3, **more), [_group(7200)])
    assert (waiting.title, "3 dead letters wait in 1 group" in waiting.says) == (title, True)
    dying = "Writes are being dead-lettered now" if backlog else title  # without a queue no write can be dead-lettered
    assert at_a_glance(_state(3, **more), [_group(5)]).title == dying
    found = outage(_state(0, breakers=None, **more))
    assert found is not None
    assert any("a breaker is open" in says for says, _ in found.do)


@pytest.mark.parametrize(
    ("reason", "changed", "step"),
    [("invalid_data", "no", "what_if"), ("undecodable", "no", "letter"), ("undecodable", "yes", "what_if"),
     ("crash_loop", "partly", "letter"), ("crash_loop", "yes", "what_if"), ("a later one", None, "what_if")],
)  # fmt: skip
def test_the_next_step(reason: str, changed: str | None, step: str) -> None:
    """A letter that kills writers is to be looked at before any other step, unless a new build runs."""
    assert next_step(_group(reason=reason, changed=changed)).step == step
    assert next_step(_group(reason=reason, changed=changed, dead=0)).step == ""


@given(
    dead=st.integers(0, 9), replaying=st.integers(0, 9), edited=st.integers(0, 9), failing=st.integers(0, 9),
    tried=st.booleans(), reason=st.sampled_from([*Reason]), changed=st.sampled_from(["no", "yes", "partly", None]),
)  # fmt: skip
def test_advice_follows_from_what_was_done_to_the_letters(
    dead: int, replaying: int, edited: int, failing: int, tried: bool, reason: str, changed: str | None
) -> None:
    """Whatever the letters failed with, an edit leads to a what-if, a what-if leads to a replay or a change, and each
    named step has a button that leads to it."""
    edited, failing = min(edited, dead), min(failing, dead)
    verdicts = {Prediction.STILL_FAILS: failing, Prediction.WOULD_APPLY: dead - failing}
    known = GroupWhatIf(at=datetime.now(UTC).isoformat(), count=dead, verdicts=verdicts) if tried else None
    standing = GroupStanding(looked_at=dead, edited=edited, replay_id=3 if replaying else None, what_if=known)
    group = _group(reason=reason, changed=changed, dead=dead, replaying=replaying, standing=standing)
    next = next_step(group)
    if not dead:
        assert next.step == ("replays" if replaying else "")
    elif tried:
        assert next.step == ("replay" if not failing else "what_if" if failing < dead else "transform")
    elif edited:
        assert next.step == "what_if"
    if next.step:
        assert next.step in STEPS
        assert address(group, next.step).startswith("/console/")


@pytest.mark.parametrize(
    ("state", "title"),
    [("running", "Wait for"), ("stopped", "Decide about"), ("paused", "Decide about"), ("awaiting_approval", "Decide")],
)
def test_a_replay_that_waits_for_a_person_is_not_waited_for(state: str, title: str) -> None:
    """A group whose replay waits for a person advises to decide about the replay, because its letters are not on their
    way."""
    standing = GroupStanding(looked_at=0, edited=0, replay_id=3, replay_state=state, what_if=None)
    next = next_step(_group(reason="invalid_data", changed="no", dead=0, replaying=3, standing=standing))
    assert next.title.startswith(title)
    assert next.step == "replays"
    assert ("approves" in next.says) is (state == "awaiting_approval")


@given(open_=st.sets(st.sampled_from(_BREAKERS)), letters=st.booleans(), depth=st.none() | st.integers(0, 5))
def test_an_outage_says_what_users_feel_what_queues_and_what_to_do(
    open_: set[tuple[str, str]], letters: bool, depth: int | None
) -> None:
    """Whatever is away, the outage has what users notice, what queues, and links to pages of the console; while all is
    well there is no outage, and the first line is green."""
    breakers = [_partial(BreakerSummary, service=service, instance="1", name=name,
                         state="open" if (service, name) in open_ else "closed")
                for service, name in _BREAKERS]  # fmt: skip
    backlog = None if depth is None else _partial(Backlog, depth=depth, oldest_age_s=3.0)
    state = _state(0, breakers=breakers, backlog=backlog, **({} if letters else {"letters": None}))
    found = outage(state)
    assert (at_a_glance(state, []).tone == "good") == (found is None)
    if letters and backlog is not None and not open_:
        assert found is None
        return
    assert found is not None
    assert found.felt
    assert found.queued
    assert all(href.startswith("/console/") for _, href in found.do)
    both = {("api", "database"), ("api", "queue")} <= open_
    assert any("refused (503)" in each for each in found.felt) == both


@given(away=st.sets(st.integers(0, 11), min_size=1), count=st.just(12))
def test_an_outage_names_the_partitions_that_are_away(away: set[int], count: int) -> None:
    """An outage names the partitions that are away, or the whole queue if all of them are."""
    breakers = [_partial(BreakerSummary, service="api", instance="1", name=f"queue_{number}",
                         state="open" if number in away else "closed") for number in range(count)]  # fmt: skip
    found = outage(_state(0, breakers=breakers, backlog=_partial(Backlog, depth=0, oldest_age_s=0.0)))
    assert found is not None
    whole = "Writes go to the database directly (201 instead of 202)."
    named = f"partition{'s' if len(away) > 1 else ''} {', '.join(map(str, sorted(away)))}"
    some = f"Writes to {named} of the queue go to the database directly."
    assert found.felt == [whole if len(away) == count else some]


@pytest.mark.parametrize("depth", [0, 2])
def test_an_outage_says_what_it_does_not_know_of_a_partition(depth: int) -> None:
    """An outage names what it does not know of a partition although no breaker is reported, because the board of
    breakers may be away as well."""
    backlog = _partial(Backlog, depth=depth, oldest_age_s=0.0)
    found = outage(_state(0, breakers=None, backlog=backlog, partitions_away=[1, 3]))
    assert found is not None
    assert "the cache, where breakers are reported, does not answer" in found.felt[0]
    assert found.queued.endswith("What is in partitions 1, 3 is on disk.")


def test_every_value_has_a_word() -> None:
    """Every value of each enum that pages show has a word."""
    for known, words in ((State, STATES), (Reason, REASONS), (Prediction, VERDICTS), (ItemState, ITEMS),
                        (ReplayState, REPLAYS)):  # fmt: skip
        assert set(known) == set(words)


def test_charts_keep_within_their_frame() -> None:
    """Bars stay within the chart whatever the numbers, and every value above 0 is visible."""
    for values in ([], [0] * 24, [1, 10**9, 0]):
        for bar in bars(values):
            assert 0 <= bar.y <= 40
            assert bar.height >= (2 if bar.value else 1)
    drawn = shares({"a": 1, "b": 0, "c": 3}, ["c", "b", "a"])
    assert [(each.name, each.x, each.width) for each in drawn] == [("c", 0, 75), ("a", 75, 25)]


def test_poison_is_poison() -> None:
    """Practice poison includes every kind of mishap and cannot be decoded; the good writes among it can, and are not
    newer than their entries."""
    now_us = 1_764_000_000_000_000
    made = list(poison(10, now_us, seed=1, good_each=1))
    assert {mishap for mishap, _ in made} == {*MEANING, GOOD}
    for mishap, fields in made:
        raw = {name.encode(): value for name, value in fields.items()}
        if mishap == GOOD:
            assert decode(raw).version < now_us
        else:
            with pytest.raises(Undecodable):
                decode(raw)


@given(st.floats(-1e7, 1e7))
def test_a_moment_has_one_form(seconds: float) -> None:
    """A time is shown in one form, whether it is past or future, and as "just now" within 1.49 s."""
    now = datetime.now(UTC)
    shown = ago((now - timedelta(seconds=seconds)).isoformat(), now)
    assert shown == ("just now" if abs(seconds) < 1.49 else shown)
    assert shown.startswith("in ") == (shown != "just now" and seconds < 0)
    assert shown.endswith(" ago") == (shown != "just now" and seconds > 0)
