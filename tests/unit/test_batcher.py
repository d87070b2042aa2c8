"""Batcher: requests that arrive together are looked up together, and every waiter is answered as if it were alone."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.api.batcher import Batcher, OutOfPatience, Waiter, cut, hand_out
from holdfast.services.api.hedge import Hedge
from holdfast.shared.errors import DatabaseSlow
from holdfast.shared.resilience.time_limits import TimeLimits
from holdfast.shared.telemetry import decisions
from holdfast.shared.telemetry.decisions import Notes, note
from holdfast.shared.telemetry.logs import Action

#: With the first, no call is late, however slow the machine is; with the second, every call is late at once.
_NEVER_S, _AT_ONCE_S = 600.0, 0.0


class Store:
    """Answers with the number of changes that had happened when the call began, and records the keys of each call."""

    def __init__(self) -> None:
        self.changes = 0
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.errors: dict[str, Exception] = {}

    async def look(self, keys: Sequence[str]) -> Mapping[str, int | Exception]:
        """Return the answers once the gate is open."""
        self.calls.append(list(keys))
        seen = self.changes
        await self.gate.wait()
        note(Action.CALL_FAILED, breaker="store")
        if "all" in self.errors:
            raise self.errors["all"]
        return {key: self.errors.get(key, seen) for key in keys}


async def _turn() -> None:
    """Let every task that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


def _asked(batcher: Batcher[str, int], *keys: str) -> list["asyncio.Task[int]"]:
    return [asyncio.create_task(batcher.get(key)) for key in keys]


async def test_one_turn_is_one_call_and_repeated_keys_are_asked_once() -> None:
    """Requests of one turn of the loop share one call, which asks for each key once, and every request gets the answer
    to its key."""
    store = Store()
    batcher = Batcher(store.look)
    waiting = _asked(batcher, "a", "b", "a", "c", "a")
    await _turn()
    store.gate.set()
    assert await asyncio.gather(*waiting) == [0] * 5
    assert store.calls == [["a", "b", "c"]]


async def test_who_asks_a_turn_later_comes_along() -> None:
    """A call waits for one more turn of the loop, because a busy loop does not deliver all requests that have arrived
    in one turn."""
    store = Store()
    batcher = Batcher(store.look)
    first = _asked(batcher, "a")
    await asyncio.sleep(0)
    assert store.calls == []
    second = _asked(batcher, "b")
    await _turn()
    store.gate.set()
    assert await asyncio.gather(*first, *second) == [0, 0]
    assert store.calls == [["a", "b"]]


async def test_nobody_gets_what_was_seen_before_they_asked() -> None:
    """A request that comes during a call waits for the next call, which sees what has changed meanwhile, even under the
    same key."""
    store = Store()
    batcher = Batcher(store.look, late_s=_NEVER_S)
    first = _asked(batcher, "a")
    await _turn()
    store.changes += 1
    rest = _asked(batcher, *["a", "b"] * 50)
    await _turn()
    assert store.calls == [["a"]]
    store.gate.set()
    assert await asyncio.gather(*first, *rest) == [0] + [1] * 100
    assert store.calls == [["a"], ["a", "b"]]


async def test_a_late_call_makes_nobody_else_late() -> None:
    """While a call is late, further calls begin beside it, up to a limit; when one ends, the waiting request has its
    turn."""
    store = Store()
    batcher = Batcher(store.look, late_s=_AT_ONCE_S, at_once=3)
    waiting = []
    for key in "abcd":
        waiting += _asked(batcher, key)
        async with asyncio.timeout(60):
            while len(store.calls) < min(len(waiting), 3):
                await asyncio.sleep(0)
    await _turn()
    assert store.calls == [["a"], ["b"], ["c"]]
    store.gate.set()
    assert await asyncio.gather(*waiting) == [0] * 4
    assert store.calls[3:] == [["d"]]


async def test_calls_are_bounded_in_size() -> None:
    """A call asks for at most as many keys as is configured, and the first keys go first."""
    store = Store()
    store.gate.set()
    batcher = Batcher(store.look, most=3, late_s=_NEVER_S)
    assert await asyncio.gather(*_asked(batcher, *"abcdefgh")) == [0] * 8
    assert store.calls == [["a", "b", "c"], ["d", "e", "f"], ["g", "h"]]


async def test_an_error_of_one_key_is_its_waiters_alone() -> None:
    """The error of one key goes only to the requests for that key; other requests of the same call get their
    answers."""
    store = Store()
    store.gate.set()
    store.errors["b"] = ValueError("b")
    one, poison, other, again = await asyncio.gather(
        *_asked(Batcher(store.look), "a", "b", "c", "b"), return_exceptions=True
    )
    assert (one, other) == (0, 0)
    assert poison is again is store.errors["b"]
    assert len(store.calls) == 1


async def test_a_call_that_fails_fails_for_all_with_the_same_explanation() -> None:
    """When a shared call fails, the explanation of each request holds what was decided in the call, and the next call
    is made as usual."""
    store = Store()
    store.gate.set()
    store.errors["all"] = TimeoutError()
    batcher = Batcher(store.look)

    async def request(key: str) -> Notes:
        notes = Notes(key, kept=True)
        decisions.begin(notes)
        with pytest.raises(TimeoutError):
            await batcher.get(key)
        return notes

    explained = await asyncio.gather(*(asyncio.create_task(request(key)) for key in "abca"))
    assert [[each.action for each in notes.taken] for notes in explained] == [[Action.CALL_FAILED]] * 4
    assert len({notes.taken[0].at for notes in explained}) == 1
    del store.errors["all"]
    assert await batcher.get("a") == 0


async def test_each_waiter_has_its_own_patience() -> None:
    """A request without any patience left raises OutOfPatience, and the other requests of the same call get their
    answers."""
    store = Store()
    batcher = Batcher(store.look)
    patient = _asked(batcher, "a")
    for key in "ab":
        with pytest.raises(OutOfPatience):
            await batcher.get(key, 0.001)
    store.gate.set()
    assert await asyncio.gather(*patient) == [0]


async def test_who_leaves_takes_nobody_along() -> None:
    """A request that is cancelled cancels neither the call nor other requests for its key, and a key for which no
    request waits any more is not asked for."""
    store = Store()
    batcher = Batcher(store.look, late_s=_NEVER_S)
    first = _asked(batcher, "a", "a")
    await _turn()
    later = _asked(batcher, "b", "b", "c")
    await _turn()
    for task in (first[0], later[0], later[2]):
        task.cancel()
    store.gate.set()
    assert await asyncio.gather(first[1], later[1]) == [0, 0]
    assert store.calls == [["a"], ["b"]]
    everybody = _asked(batcher, "d", "e")
    await asyncio.sleep(0)
    for task in everybody:
        task.cancel()
    await _turn()
    assert store.calls == [["a"], ["b"]]
    assert await batcher.get("f") == 0


async def test_the_end_of_the_loop_ends_the_waiting() -> None:
    """A call that is cancelled, as at shutdown, cancels the requests that wait for it."""
    store = Store()
    waiting = _asked(Batcher(store.look), "a", "b")
    await _turn()
    (call,) = [task for task in asyncio.all_tasks() if task not in waiting and task is not asyncio.current_task()]
    call.cancel()
    for task in waiting:
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_alone_is_a_call_of_its_own() -> None:
    """`alone` makes a call of its own in the caller's context, beside the call that is under way."""
    store = Store()
    batcher = Batcher(store.look, late_s=_NEVER_S)
    waiting = _asked(batcher, "a")
    await _turn()
    alone = asyncio.create_task(batcher.alone("a"))
    await _turn()
    assert store.calls == [["a"], ["a"]]
    store.errors["a"] = ValueError("a")
    store.gate.set()
    for task in (alone, *waiting):
        with pytest.raises(ValueError, match="a"):
            await task


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["waits", "gone"]))), st.integers(1, 4), st.data())
async def test_whatever_waits_is_cut_once_and_answered_once(
    asked: list[tuple[str, str]], most: int, data: st.DataObject
) -> None:
    """Waiting keys are cut in order into bounded batches, without the requests that have gone, and each request gets
    the value or the error of its key."""
    waiting: dict[str, list[Waiter[int]]] = {}
    alive = []
    for key, state in asked:
        waiter: Waiter[int] = Waiter(TimeLimits())
        waiting.setdefault(key, []).append(waiter)
        alive += [(key, waiter)] if state == "waits" else []
        if state == "gone":
            waiter.answer.cancel()
    order = [key for key in waiting if any(key == one for one, _ in alive)]
    cuts = []
    while waiting:
        batch = cut(waiting, most)
        assert len(batch) <= most
        answers = {key: data.draw(st.one_of(st.integers(), st.builds(ValueError))) for key in batch}
        if leaving := data.draw(st.sampled_from([None, *batch])):
            batch[leaving][0].answer.cancel()
        hand_out(batch, answers)
        cuts += list(batch)
        for key, waiter in alive:
            if key in batch:
                with suppress(asyncio.CancelledError):
                    answer = waiter.answer.result()
                    assert answer is not None
                    assert answer.value is answers[key]
    assert cuts == order
    assert all(waiter.answer.done() for _, waiter in alive)


async def _copy() -> str | None:
    return "copy"


async def _no_copy() -> str | None:
    return None


async def test_one_that_takes_long_is_answered_from_the_copy_and_the_call_goes_on() -> None:
    """A request that takes long is answered from its copy if there is one; the other requests get the result of the
    call, each once."""
    store = Store()
    batcher = Batcher(store.look)
    copied, waits, later = (
        asyncio.create_task(batcher.get("a", _NEVER_S, hedge))
        for hedge in (Hedge(_AT_ONCE_S, _copy), Hedge(_AT_ONCE_S, _no_copy), Hedge(_NEVER_S, _copy))
    )
    with pytest.raises(DatabaseSlow) as slow:
        await copied
    assert slow.value.copy == "copy"
    assert not waits.done()
    assert not later.done()
    store.gate.set()
    assert (await waits, await later, store.calls) == (0, 0, [["a"]])


async def test_patience_ends_after_it_has_taken_long() -> None:
    """A request that takes long and has no copy still runs out of patience."""
    store = Store()
    batcher = Batcher(store.look)
    with pytest.raises(OutOfPatience):
        await batcher.get("a", _AT_ONCE_S, Hedge(_AT_ONCE_S, _no_copy))


async def test_an_answer_that_comes_while_the_copy_is_looked_for_is_the_better_one() -> None:
    """An answer that arrives while the copy is looked for is returned instead of the copy, because it is fresh."""
    store = Store()
    batcher = Batcher(store.look)

    async def slow_copy() -> str | None:
        store.gate.set()
        await _turn()
        return "copy"

    assert await batcher.get("a", _NEVER_S, Hedge(_AT_ONCE_S, slow_copy)) == 0
