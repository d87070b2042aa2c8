"""The table of dead letters: each letter once, group counts exact at any moment, pages without gaps, every change
recorded."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.shared.errors import CountMismatch, LetterDiffers, SelectionTooLarge
from holdfast.shared.faults import Contention
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change, notes, outbox
from holdfast.shared.letters.exchange import importing as exchange
from holdfast.shared.letters.find import groups, search
from holdfast.shared.letters.find import whole as one
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.index import counts
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.index.tables import builds, trend
from holdfast.shared.letters.index.tables import letters as table
from holdfast.shared.letters.letter import Letter
from holdfast.shared.letters.retention import letters as retention
from holdfast.shared.letters.state import State
from holdfast.shared.store import epochs
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Cause, Epoch
from holdfast.shared.writes.outcome import Reason
from tests.letters import letter

ANN = Actor("ann", "operate", "because", "req_12345678")
MOST = 100_000


def all_of(engine: Engine, wanted: Filter, limit: int = 7, *, oldest_first: bool = False) -> list[int]:
    """Return the letters of all pages."""
    found: list[int] = []
    beyond: int | None = None
    while True:
        page = search.search(engine, wanted, beyond=beyond, limit=limit, oldest_first=oldest_first)
        found += [row.id for row in page.rows]
        if page.next is None:
            return found
        beyond = page.next


def counted_anew(engine: Engine) -> dict[tuple[str, str], int]:
    """Return the counts that the summary should have."""
    with engine.connect() as connection:
        query = sa.select(table.c.fingerprint, table.c.state, sa.func.count()).group_by(
            table.c.fingerprint, table.c.state
        )
        return {(name, state): count for name, state, count in connection.execute(query)}


def _counted(engine: Engine, up_to: int, on_stream: dict[int, bool]) -> counts.LetterCounts:
    with engine.connect() as connection:
        return counts.letter_counts(connection, up_to, on_stream)


def summary(engine: Engine) -> dict[tuple[str, str], int]:
    """Return the counts that the summary has."""
    found = groups.page(engine, (), after=None, limit=1000)
    return {(each.fingerprint, state): count for each in found for state, count in each.states.items() if count}


def retried(work: Callable[[], Any]) -> Any:
    """Repeat the work while transactions conflict, as the indexer does, for which a conflict is no failure."""
    for _ in range(20):
        try:
            return work()
        except Contention:
            continue
    raise AssertionError("nothing but contention")


def some(count: int, *, users: int = 5) -> list[Letter]:
    """Return letters of four groups."""
    kinds: list[dict[str, Any]] = [
        {"code": "1406"}, {"code": "1366"}, {"code": "1406", "command": "DeleteUser"},
        {"reason": Reason.CRASH_LOOP, "code": "CRASH_LOOP", "error": "Killed its Writer", "build": "0.1.0+b"},
    ]  # fmt: skip
    return [letter(number, user_id=f"u-{number % users}", **kinds[number % 4]) for number in range(count)]


def test_a_letter_is_kept_once_and_whole(engine: Engine) -> None:
    """A letter that is indexed repeatedly, alone and among others, is one row with every byte."""
    odd = letter(1, original={b"\x00\xff": bytes(range(256)) * 5000})
    assert index.index(engine, [odd, odd]) == 1
    assert index.index(engine, [letter(0), odd, letter(2)]) == 2
    assert all_of(engine, Filter()) == [letter(number).number for number in (2, 1, 0)]
    kept = one.whole(engine, odd.number)
    assert kept is not None
    assert kept.body.original == odd.original
    assert kept.body.attempts == odd.attempts
    assert sum(summary(engine).values()) == 3


def test_huge_and_hostile_letters_are_kept(engine: Engine) -> None:
    """Letters are stored that are larger than one statement may be, or contain NULs, invalid UTF-8 or text that looks
    like SQL."""
    huge = letter(1, original={b"payload": b"\xff" * 20_000_000})
    sly = letter(2, error="%s '); DROP TABLE dead_letters; -- \x00 \u202e", command="%(x)s", original={b"%s": b"%s"})
    assert index.index(engine, [huge, sly]) == 2
    kept = [one.whole(engine, each.number) for each in (huge, sly)]
    assert [each.body.original if each else None for each in kept] == [huge.original, sly.original]
    assert kept[1] is not None
    assert kept[1].row.error == sly.error


def test_groups_are_exact_while_many_index_the_same(engine: Engine) -> None:
    """Letters, users, builds and trend are counted once when several replicas index overlapping batches."""
    letters = some(400, users=90)
    chance = random.Random(7)
    batches = [chance.sample(letters, 50) for _ in range(24)] + [letters[at : at + 50] for at in range(0, 400, 50)]
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda batch: retried(lambda: index.index(engine, batch)), batches))
    assert sum(new) == 400
    assert summary(engine) == counted_anew(engine) == {
        (name, "dead"): count for name, count in Counter(each.fingerprint for each in letters).items()
    }  # fmt: skip
    for group in groups.page(engine, (), after=None, limit=10):
        mine = [each for each in letters if each.fingerprint == group.fingerprint]
        assert group.entities == len({each.entity_id for each in mine})
        assert (group.first, group.last) == (mine[0].number, mine[-1].number)
        assert group.builds == {mine[0].build: len(mine)}
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.sum(trend.c.letters))).scalar_one() == 400
        assert connection.execute(sa.select(sa.func.sum(builds.c.letters))).scalar_one() == 400


@pytest.mark.parametrize("runs_max", [0, 100])
def test_every_filter_finds_what_it_names(engine: Engine, monkeypatch: pytest.MonkeyPatch, runs_max: int) -> None:
    """Every filter finds the same letters, newest first, page by page, whether the search merges groups or walks the
    table."""
    monkeypatch.setattr(search, "_RUNS_MAX", runs_max)
    letters = some(120)
    index.index(engine, letters)
    fourth = letters[3]
    change.discard(engine, Selection(matching=Filter(fingerprint=fourth.fingerprint)), ANN, expected=30, most=MOST)
    tests: dict[Filter, Callable[[Letter], bool]] = {
        Filter(): lambda _: True,
        Filter(state=State.DEAD): lambda one: one.reason != "crash_loop",
        Filter(state=State.DISCARDED): lambda one: one.reason == "crash_loop",
        Filter(state=State.APPLIED): lambda _: False,
        Filter(reason="crash_loop"): lambda one: one.reason == "crash_loop",
        Filter(code="1406"): lambda one: one.code == "1406",
        Filter(command="DeleteUser", state=State.DEAD): lambda one: one.command == "DeleteUser",
        Filter(build="0.1.0+b"): lambda one: one.build == "0.1.0+b",
        Filter(resource="users", entity_id="u-1"): lambda one: one.entity_id == "u-1",
        Filter(entity_id="u-1", code="1406"): lambda one: one.entity_id == "u-1" and one.code == "1406",
        Filter(operation_id=fourth.operation_id): lambda one: one.operation_id == fourth.operation_id,
        Filter(first=letters[10].number, last=letters[20].number): lambda one: 0 <= letters.index(one) - 10 <= 10,
        Filter(text="KILLED its"): lambda one: "Killed its" in one.error,
        Filter(text="%"): lambda _: False,
        Filter(text="0.1.0+B"): lambda one: one.build == "0.1.0+b",
        Filter(text=str(fourth.operation_id)[:8]): lambda one: one.operation_id == fourth.operation_id,
        Filter(fingerprint="0" * 16): lambda _: False,
    }
    for wanted, test in tests.items():
        expected = sorted((each.number for each in letters if test(each)), reverse=True)
        assert all_of(engine, wanted) == expected, wanted
        assert all_of(engine, wanted, oldest_first=True) == expected[::-1], wanted
        if wanted.text is None:
            assert search.total(engine, wanted, most=1000) == len(expected), wanted


def test_a_search_for_text_is_bounded_and_goes_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for text looks through a limited stretch per call, may return no row, and still finds all letters."""
    monkeypatch.setattr(search, "TEXT_STRETCH", 10)
    index.index(engine, [letter(number, error="rare" if number in (3, 4) else "usual") for number in range(50)])
    first = search.search(engine, Filter(text="rare"), beyond=None, limit=5)
    assert (first.rows, first.next is None) == ([], False)
    assert all_of(engine, Filter(text="rare")) == [letter(4).number, letter(3).number]


def test_discard_and_restore_are_recorded_and_exact(engine: Engine) -> None:
    """Counts follow a discard and a restore, the record names every letter, and the changes are due to be sent to the
    queue."""
    letters = some(40)
    index.index(engine, letters)
    chosen = Selection(matching=Filter(code="1406", state=State.DEAD))
    found = change.look(engine, chosen, {State.DEAD}, most=MOST)
    assert len(found.numbers) == 20
    with pytest.raises(CountMismatch) as differs:
        change.discard(engine, chosen, ANN, expected=19, most=MOST)
    assert differs.value.details == {"expected_count": 19, "actual_count": 20}
    with pytest.raises(SelectionTooLarge):
        change.discard(engine, chosen, ANN, expected=20, most=19)
    assert summary(engine) == counted_anew(engine)
    assert groups.totals(engine)["discarded"] == 0
    _, audit_id = change.discard(engine, chosen, ANN, expected=20, most=MOST)
    assert groups.totals(engine)["discarded"] == 20
    again = Selection(numbers=(*[each.number for each in letters[:4]], 5))
    other = change.look(engine, again, {State.DISCARDED}, most=MOST)
    assert (len(other.numbers), other.others) == (2, {"dead": 2, "missing": 1})
    change.restore(engine, again, ANN, expected=2, most=MOST)
    assert summary(engine) == counted_anew(engine)
    kept = one.whole(engine, letters[0].number)
    assert kept is not None
    assert kept.row.state is State.DEAD
    assert [entry.action for entry in kept.audit_entries] == ["discard", "restore"]
    newest, oldest = audit.page(engine, before=None, limit=10)
    assert (oldest.id, oldest.actor, oldest.reason, oldest.letters) == (audit_id, "ann", "because", 20)
    assert newest.selection["ids"][0] == "1764000000000-0"
    with engine.connect() as connection:
        owed = connection.execute(sa.text("SELECT COUNT(*) FROM dead_letter_dues")).scalar_one()
    assert owed == 20


def test_what_somebody_changed_since_is_not_for_an_older_undo(engine: Engine) -> None:
    """An undo of an older discard selects only the letters that no later decision changed; a read does not count as a
    change."""
    index.index(engine, [letter(n) for n in range(6)])
    numbers = [letter(n).number for n in range(6)]
    bob = replace(ANN, name="bob")

    def these(*which: int) -> Selection:
        return Selection(numbers=tuple(numbers[n] for n in which))

    _, first = change.discard(engine, these(0, 1, 2, 3), ANN, expected=4, most=MOST)
    audit.record_alone(engine, ANN, audit.AuditAction.REVEAL, numbers=numbers)
    change.restore(engine, these(1, 2), ANN, expected=2, most=MOST)
    _, second = change.discard(engine, these(2, 4), bob, expected=2, most=MOST)
    for entry, theirs in ((first, [0, 3]), (second, [2, 4])):
        found = change.look(engine, Selection(audit=entry, untouched=True), {State.DISCARDED}, most=MOST)
        assert found.numbers == [numbers[n] for n in theirs]


def test_two_who_discard_the_same_do_it_once(engine: Engine) -> None:
    """Of concurrent discards of the same letters one succeeds, and the others find none left and report it."""
    index.index(engine, some(200))

    def discard(_: int) -> int:
        try:
            chosen = Selection(matching=Filter(state=State.DEAD))
            return len(retried(lambda: change.discard(engine, chosen, ANN, expected=200, most=MOST))[0].numbers)
        except CountMismatch as differs:
            return -int((differs.details or {})["actual_count"])

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(discard, range(3))) == [0, 0, 200]
    assert summary(engine) == counted_anew(engine)
    assert len(audit.page(engine, before=None, limit=10)) == 1


@pytest.mark.parametrize("order", list(groups.Order))
def test_groups_in_every_order(engine: Engine, order: groups.Order) -> None:
    """Groups in any order are paged with each group once and the largest value first."""
    index.index(engine, [letter(n, code=str(1400 + n % 7)) for n in range(40)])
    found: list[groups.Group] = []
    while page := groups.page(engine, (), after=(order.of(found[-1]), found[-1].fingerprint) if found else None,
                              limit=2, order=order):  # fmt: skip
        found += page
    assert len({each.fingerprint for each in found}) == len(found) == 7
    assert [order.of(each) for each in found] == sorted((order.of(each) for each in found), reverse=True)


def test_a_note_outlives_the_letters(engine: Engine) -> None:
    """A note can be rewritten and removed, is recorded, and is not written for a group that does not exist."""
    index.index(engine, [letter(1)])
    name = letter(1).fingerprint
    assert not notes.write(engine, "0" * 16, "?", ANN)
    for text in ("known: 1406 since the release", "fixed", ""):
        assert notes.write(engine, name, text, ANN)
        [group] = groups.page(engine, (), after=None, limit=5)
        assert (group.note.note if group.note else "") == text
    assert [row.details["note"] for row in audit.page(engine, before=None, limit=5)][::-1][0].startswith("known")


def test_what_was_exported_comes_back(engine: Engine) -> None:
    """An import leaves known letters unchanged and refuses another letter of the same id, and the ledger counts the new
    ones."""
    index.index(engine, [letter(1)])
    first = [one.whole(engine, letter(1).number)]
    assert first[0] is not None
    same = letter(1, original=dict(first[0].body.original))
    other = letter(2)
    assert exchange.bring(engine, [same, other], ANN, expected=1, dry_run=True) == exchange.Brought(1, 1)
    assert all_of(engine, Filter()) == [same.number]
    with pytest.raises(CountMismatch):
        exchange.bring(engine, [same, other], ANN, expected=2, dry_run=False)
    for new in (1, 0):
        assert exchange.bring(engine, [same, other], ANN, expected=None, dry_run=False).new == new
    with pytest.raises(LetterDiffers):
        exchange.bring(engine, [letter(3), letter(2, name="Eve")], ANN, expected=None, dry_run=False)
    assert all_of(engine, Filter()) == [other.number, same.number]
    assert _counted(engine, other.number, {}) == counts.LetterCounts(2, 0, 1)


def test_only_what_is_over_goes_by_age(engine: Engine) -> None:
    """Discarded letters of a certain age are purged, dead ones never, and the ledger still counts the purged ones."""
    letters = some(8)
    index.index(engine, letters)
    change.discard(engine, Selection(matching=Filter(code="1366")), ANN, expected=2, most=MOST)
    outbox.delivered(engine, outbox.pending(engine, MOST))
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert retention.due(engine, (State.DISCARDED,), later - timedelta(days=1)) == 0
    assert retention.due(engine, (State.DISCARDED,), later) == 2
    assert retention.purge(engine, retention.FINISHED, later) == 0
    assert retention.purge(engine, (State.DISCARDED,), later) == 2
    assert retention.purge(engine, (State.DISCARDED,), later) == 0
    assert len(all_of(engine, Filter())) == 6
    assert _counted(engine, letters[-1].number, {}) == counts.LetterCounts(6, 2, 0)
    assert audit.page(engine, before=None, limit=1)[0].action == "purge"


def test_the_ledger_s_share_is_as_of_one_moment(engine: Engine) -> None:
    """The ledger's counts are of one moment: later letters do not count, and letters still on the stream count once."""
    letters = some(10)
    index.index(engine, letters)
    on_stream = {letters[5].number: True, letter(50).number: True}
    assert _counted(engine, letters[5].number, on_stream) == counts.LetterCounts(7, 0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_what_no_entry_tells_of_was_brought_in(engine: Engine, seed: int) -> None:
    """A letter without an entry, with an invalid entry id, or with an entry that died already counts as dead and as
    imported, in any batches, on the stream or in the table."""
    draw = random.Random(seed)
    good = [letter(at) for at in range(0, 40, 2)]
    odd = [
        "",
        "soon",
        "-1",
        "1764000000000",
        "\u0661-1",
        "0-0",
        "01764000000000-0",
        f"{2**64}-0",
        f"1764000000000-{2**64}",
        draw.choice(good[:5]).entry_id,
        draw.choice(good[:5]).entry_id,
    ]
    by_hand = [letter(11 + 2 * at, entry_id=entry_id) for at, entry_id in enumerate(odd)]
    everything = sorted([*good, *by_hand], key=lambda each: each.number)
    while everything:
        batch = everything[: draw.randint(1, 9)]
        del everything[: len(batch)]
        on_stream = {each.number: each.names_an_entry for each in everything if not each.names_an_entry}
        index.index(engine, batch)
        index.index(engine, batch)
        got = _counted(engine, batch[-1].number, on_stream)
        hands = [each for each in by_hand if each.number <= batch[-1].number or not each.names_an_entry]
        goods = [each for each in good if each.number <= batch[-1].number]
        assert got == counts.LetterCounts(len(goods) + len(hands), 0, len(hands))


@pytest.mark.parametrize("cause", [Cause.MOVED, Cause.WENT_BACK, Cause.FIRST])
def test_an_entry_that_came_back_dies_as_a_write_of_the_new_epoch(engine: Engine, cause: Cause) -> None:
    """An entry that the queue has again after it moved or went back counts as in flight in the new epoch, so its next
    letter is not one that was put there by hand; this holds once per epoch."""
    first = letter(0)
    index.index(engine, [first])
    began = versions.from_stream_id("1764000000005-0")
    epoch = Epoch(1, cause, began, carried=0, lost=0, lost_from=0, floor=0, identity="", look=0, accepted=0, entries=0,
                  oldest=0, newest=0)  # fmt: skip
    epochs.begin(engine, epoch)
    index.index(engine, [letter(10, entry_id=first.entry_id)])
    index.index(engine, [letter(20, entry_id=first.entry_id)])
    assert _counted(engine, letter(20).number, {}).imported == (2 if cause is Cause.FIRST else 1)


def test_the_trend_of_groups(engine: Engine) -> None:
    """The trend counts letters in whole minutes, per group and for all groups together."""
    minutes = [0, 0, 1, 5, 61]
    index.index(engine, [letter(60_000 * minute + number) for number, minute in enumerate(minutes)])
    name, began = letter(0).fingerprint, 1_764_000_000
    assert groups.trends(engine, [name], since_s=began, step_s=60, steps=3) == {name: [2, 1, 0]}
    assert groups.trends(engine, None, since_s=began, step_s=3600, steps=2) == {"": [4, 1]}
    assert groups.trends(engine, [], since_s=began, step_s=60, steps=3) == {}
