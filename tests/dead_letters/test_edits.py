"""Edits and transforms on the real table: they make versions, never change the original, apply to all letters or to
none, and can be undone."""

import random
import tracemalloc
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from holdfast.shared.errors import (
    CountMismatch,
    EditInvalid,
    EditNotFound,
    LetterBusy,
    LetterNotFound,
    SelectionTooLarge,
    TransformNotFound,
)
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.edit import transforms
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.edit.document import document, edited, patched_fields
from holdfast.shared.letters.edit.patch import Operation
from holdfast.shared.letters.edit.versions import Change
from holdfast.shared.letters.find import whole as one
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.find.standing import standing
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.runtime.documents import WorkBudget
from holdfast.shared.store.engine import Engine
from tests.letters import letter

ANN = Actor("ann", "operate", "because", "req_12345678")
EVERYTHING = Selection(matching=Filter(state=State.DEAD))


def named(name: str) -> Change:
    """Return an edit that sets the name."""

    def wanted(fields: Any, entry_id: str, _: WorkBudget) -> Any:
        shown = document(fields)
        return edited(fields, shown | {"payload": shown["payload"] | {"name": name}}, entry_id)

    return wanted


def by(*operations: dict[str, Any]) -> tuple[Change, list[dict[str, Any]]]:
    """Return a patch as a change, with its operations."""
    patch = [Operation.model_validate(each) for each in operations]
    return (lambda fields, entry_id, work: patched_fields(fields, patch, entry_id, work)), list(operations)


def names(engine: Engine, *numbers: int) -> list[str]:
    """Return the names that a replay would send."""
    found = edits.look(engine, numbers)
    return [orjson.loads(found[number].fields[b"payload"])["name"] for number in numbers]


def test_each_edit_is_a_version(engine: Engine) -> None:
    """Each edit is a version with author and reason, the original does not change, reverting is one more edit, and a
    dry run changes nothing."""
    mine = letter(1)
    index.index(engine, [mine])
    edits.edit(engine, mine.number, named("Look"), ANN, dry_run=True)
    assert names(engine, mine.number) == ["Ann"]
    for name in ("Bob", "Cid"):
        edits.edit(engine, mine.number, named(name), ANN, dry_run=False)
    assert edits.edit(engine, mine.number, named("Cid"), ANN, dry_run=False)[1] is None, "nothing new"
    assert names(engine, mine.number) == ["Cid"]
    assert edits.revert(engine, mine.number, 1, ANN, dry_run=True)[0] == 3
    assert names(engine, mine.number) == ["Cid"]
    assert edits.revert(engine, mine.number, 1, ANN)[0] == 3
    assert names(engine, mine.number) == ["Bob"]
    assert edits.revert(engine, mine.number, 0, ANN)[0] == 4
    assert edits.look(engine, [mine.number])[mine.number].fields == mine.original
    whole = one.whole(engine, mine.number)
    assert whole is not None
    assert whole.body.original == mine.original
    assert [(each.number, each.reverts, each.author) for each in whole.edits] == [
        (1, None, "ann"), (2, None, "ann"), (3, 1, "ann"), (4, 0, "ann"),
    ]  # fmt: skip
    assert [entry.action for entry in whole.audit_entries] == ["edit", "edit", "revert", "revert"]


def test_what_is_back_at_the_original_is_not_edited(engine: Engine) -> None:
    """A letter that is back at its original does not count as edited, however often letters are edited, transformed and
    reverted, one by one or together, to any edit."""
    luck = random.Random(11)
    mine = [letter(number) for number in range(4)]
    index.index(engine, mine)
    made: list[int] = []
    for step in range(40):
        one_ = luck.choice(mine).number
        match luck.randrange(4):
            case 0:
                edits.edit(engine, one_, named(f"by hand {step}"), ANN, dry_run=False)
            case 1:
                before = edits.look(engine, [one_])[one_]
                edits.revert(engine, one_, luck.randint(0, before.edit), ANN)
            case 2:
                path = {"op": "replace", "path": "/payload/name", "value": f"together {step}"}
                number, _ = transforms.make(engine, EVERYTHING, *by(path), ANN, expected=len(mine), most=10)
                made.append(number)
            case _ if made:
                count, _, _ = transforms.revert(engine, made[-1], ANN, expected=None, most=10)
                transforms.revert(engine, made.pop(), ANN, expected=count, most=10)
        now = edits.look(engine, [each.number for each in mine]).values()
        changed = sum(each.fields != each.original for each in now)
        assert standing(engine, mine[0].fingerprint).edited == changed, step
        back = {each.number for each in now if each.edit and each.fields == each.original}
        assert edits.back_at_original(engine, [each.number for each in mine]) == back, step


def test_only_what_is_dead_can_be_edited(engine: Engine) -> None:
    """Only a dead letter can be edited, only into a valid write, and a refused edit leaves no trace."""
    mine = letter(1)
    index.index(engine, [mine])
    with pytest.raises(EditInvalid):
        edits.edit(engine, mine.number, named("x" * 300), ANN, dry_run=False)
    with pytest.raises(EditNotFound):
        edits.revert(engine, mine.number, 1, ANN)
    with pytest.raises(LetterNotFound):
        edits.edit(engine, 5, named("Bob"), ANN, dry_run=False)
    change.discard(engine, EVERYTHING, ANN, expected=1, most=10)
    with pytest.raises(LetterBusy):
        edits.edit(engine, mine.number, named("Bob"), ANN, dry_run=False)
    whole = one.whole(engine, mine.number)
    assert whole is not None
    assert (whole.edits, [entry.action for entry in whole.audit_entries]) == ([], ["discard"])


def test_a_transform_is_seen_made_and_taken_back(engine: Engine) -> None:
    """A transform of a selection shows counts and verdicts first, is one record, and can be reverted as a whole;
    letters that were edited since keep their edits."""
    moved = {b"payload": b'{"full_name": "Ann", "email": "%d@example.com"}'}
    letters = [letter(n, original={b"payload": moved[b"payload"] % n}) for n in range(30)]
    odd = letter(30, original={b"payload": b"\xff"})
    fine = letter(31)
    index.index(engine, [*letters, odd, fine])
    wanted, patch = by({"op": "move", "from": "/payload/full_name", "path": "/payload/name"})
    seen = transforms.preview(engine, EVERYTHING, wanted, most=100)
    assert (seen.letters, seen.edited, seen.unchanged, seen.refused.total()) == (32, 30, 0, 2)
    assert seen.verdicts == {Prediction.WOULD_APPLY: 31, Prediction.UNDECODABLE: 1}
    assert orjson.loads(seen.sample[0][1][b"payload"])["name"] == "Ann"
    assert edits.look(engine, [letters[0].number])[letters[0].number].edit == 0
    with pytest.raises(CountMismatch):
        transforms.make(engine, EVERYTHING, wanted, patch, ANN, expected=31, most=100)
    with pytest.raises(SelectionTooLarge):
        transforms.make(engine, EVERYTHING, wanted, patch, ANN, expected=32, most=31)
    edits.edit(engine, fine.number, named("Mine"), ANN, dry_run=False)
    transform_id, made = transforms.make(engine, EVERYTHING, wanted, patch, ANN, expected=32, most=100)
    assert (made.edited, made.refused.total()) == (30, 2)
    assert set(names(engine, *[each.number for each in letters])) == {"Ann"}
    edits.edit(engine, letters[3].number, named("Later"), ANN, dry_run=False)
    assert transforms.revert(engine, transform_id, ANN, expected=None, most=100) == (29, 1, 0)
    with pytest.raises(CountMismatch):
        transforms.revert(engine, transform_id, ANN, expected=30, most=100)
    with pytest.raises(TransformNotFound):
        transforms.revert(engine, transform_id + 1, ANN, expected=30, most=100)
    assert transforms.revert(engine, transform_id, ANN, expected=29, most=100)[:2] == (29, 1)
    found = edits.look(engine, [each.number for each in letters])
    assert [each.number for each in found.values() if each.fields != each.original] == [letters[3].number]
    assert names(engine, letters[3].number, fine.number) == ["Later", "Mine"]
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT letters, counts FROM dead_letter_transforms")).one()
    assert (row.letters, orjson.loads(row.counts)["edited"]) == (32, 30)


def test_huge_letters_are_not_held_in_memory_together(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of large letters are short, keep the order, and omit no letter."""
    monkeypatch.setattr(edits, "PAGE_MAX_BYTES", 3000)
    letters = [letter(n, original={b"x": b"." * (5000 if n == 4 else 500)}) for n in range(12)]
    index.index(engine, letters)
    numbers = [one.number for one in letters]
    pages = edits.pages_of(engine, numbers)
    assert [number for page in pages for number in page] == numbers
    assert all(len(page) == 1 or letters[4].number not in page[1:] for page in pages)
    assert 3 < len(pages) < 12


def test_edits_count_among_what_is_held_in_memory(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short letters whose edits are large come in short pages."""
    monkeypatch.setattr(edits, "PAGE_MAX_BYTES", 3000)
    index.index(engine, [letter(n) for n in range(4)])
    numbers = [letter(n).number for n in range(4)]
    assert edits.pages_of(engine, numbers) == [numbers]
    larger, _ = by({"op": "add", "path": "/extra", "value": "x" * 5000})
    edits.edit(engine, numbers[1], larger, ANN, dry_run=False)
    assert edits.pages_of(engine, numbers) == [numbers[:1], numbers[1:2], numbers[2:]]


def test_a_transform_that_makes_letters_large_needs_little_memory(engine: Engine) -> None:
    """A transform, and its preview, hold only a bounded part of the new fields in memory at once."""
    count, size = 40, 2**20
    index.index(engine, [letter(n) for n in range(count)])
    change_of, patch = by({"op": "add", "path": "/extra", "value": "x" * size})
    tracemalloc.start()
    try:
        assert transforms.preview(engine, EVERYTHING, change_of, most=100).edited == count
        assert transforms.make(engine, EVERYTHING, change_of, patch, ANN, expected=count, most=100)[1].edited == count
        assert tracemalloc.get_traced_memory()[1] < 4 * edits.PAGE_MAX_BYTES + 20 * size
    finally:
        tracemalloc.stop()
