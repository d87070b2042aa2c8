"""What an answer says if the database stops answering between the commit of a change and the read of its result."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.types import Message

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.decisions import Allowances
from holdfast.services.dlq_admin.letters.edits import Edits
from holdfast.services.dlq_admin.letters.exchange import Exchange
from holdfast.services.dlq_admin.letters.groups import Groups
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.shared.errors import DatabaseUnavailable, DeadlineExceeded, OutcomeUnknown
from holdfast.shared.faults import Outage
from holdfast.shared.http.keys import Keys
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.edit import transforms, versions
from holdfast.shared.letters.exchange import importing
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.replays import create, steer
from holdfast.shared.letters.replays.plan import Plan
from holdfast.shared.store.engine import Engine
from tests.dead_letters.test_edits import named
from tests.letters import letter

ANN = Actor("ann", "operate", "because", "req_12345678")
RULES = Rules(100, 60)
MINE, OTHER = letter(1), letter(2)


class _NoKeeper(Keeper):
    def __init__(self) -> None:
        pass

    def wake(self, replay_id: int) -> None:
        pass


class _AnyKey(Keys):
    def __init__(self) -> None:
        pass

    def has(self, name: str, scope: str) -> bool:
        return True


class Cut(Database):
    """A database that does not answer any read after a change."""

    error: Exception = DatabaseUnavailable()
    replay_id = 0

    async def read(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise self.error


@pytest.fixture(params=[DatabaseUnavailable, DeadlineExceeded])
async def cut(engine: Engine, request: pytest.FixtureRequest) -> AsyncIterator[Cut]:
    """Such a database, with two dead letters and a replay of one of them."""
    index.index(engine, [MINE, OTHER])
    made = create.create(engine, Selection(numbers=(OTHER.number,)), Plan(), ANN, expected=1, most=9, rules=RULES)
    database = Cut(engine, threads=2, background=1, audit=1, read_timeout_s=30)
    database.error, database.replay_id = request.param(), made.replay_id
    yield database
    database.close()


Change = Callable[[Cut], Awaitable[object]]


def _replays(cut: Cut) -> Replays:
    return Replays(cut, _NoKeeper(), list, most=9, rules=RULES)


def _edits(cut: Cut) -> Edits:
    return Edits(cut, most=9, rules=RULES)


def _empty() -> Request:
    async def receive() -> Message:
        return {"type": "http.request"}

    return Request({"type": "http", "headers": []}, receive)


CHANGES: dict[str, Change] = {
    "replay": lambda cut: _replays(cut).create(Selection(numbers=(MINE.number,)), Plan(), ANN, 1),
    "pause": lambda cut: _replays(cut).order(cut.replay_id, "pause", ANN, dry_run=False),
    "allow": lambda cut: Allowances(cut, RULES, _AnyKey()).allow("bob", 5, ANN),
    "note": lambda cut: Groups(cut, cast(Any, None), cast(Any, None)).note(MINE.fingerprint, "look", ANN),
    "edit": lambda cut: _edits(cut).edit(id_of(MINE.number), named("Bob"), ANN, dry_run=False, expected=None),
    "revert": lambda cut: _edits(cut).revert(id_of(MINE.number), 0, ANN, dry_run=False, expected=0),
}


DRY_RUNS: dict[str, Change] = {
    "pause": lambda cut: _replays(cut).order(cut.replay_id, "pause", ANN, dry_run=True),
    "edit": lambda cut: _edits(cut).edit(id_of(MINE.number), named("Bob"), ANN, dry_run=True, expected=None),
    "revert": lambda cut: _edits(cut).revert(id_of(MINE.number), 0, ANN, dry_run=True, expected=0),
    "transform": lambda cut: _edits(cut).revert_transform(1, ANN, None),
    "import": lambda cut: Exchange(cut, import_max_bytes=1).bring(_empty(), ANN, expected=None, dry_run=True),
}


@pytest.mark.parametrize("action", CHANGES)
async def test_no_answer_states_that_a_committed_change_did_not_happen(cut: Cut, engine: Engine, action: str) -> None:
    """If the result of a change cannot be read, the answer does not state that the change did not happen: an operator
    who believes that repeats it, and doubles an allowance."""
    with pytest.raises(OutcomeUnknown) as caught:
        await CHANGES[action](cut)
    assert not caught.value.definite
    [newest] = audit.page(engine, before=None, limit=1)
    assert newest.action == action


@pytest.mark.parametrize("action", DRY_RUNS)
async def test_a_dry_run_changes_nothing_whatever_fails(cut: Cut, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """Its answer is never that a change may have happened."""
    if action in CHANGES:
        with pytest.raises(type(cut.error)):
            await DRY_RUNS[action](cut)

    def lost(*_: Any, **__: Any) -> None:
        raise Outage("lost")

    for module, name in ((versions, "edit"), (versions, "revert"), (transforms, "revert"), (steer, "steer"),
                         (importing, "bring")):  # fmt: skip
        monkeypatch.setattr(module, name, lost)
    with pytest.raises(DatabaseUnavailable):
        await DRY_RUNS[action](cut)
