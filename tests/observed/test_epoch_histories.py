"""Epochs over models of both stores: whatever the queue loses, the ledger names the loss and balances."""

import asyncio
import random
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from holdfast.services.dlq_admin.auditor import epochs as auditors
from holdfast.services.dlq_admin.auditor import ledger as ledgers
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.queue.snapshot import snapshot
from holdfast.shared.store import epochs
from holdfast.shared.writes.ledger import Ledger, table
from tests.observed.forgetful import ENDS, world

_STEPS = 12


@pytest.mark.parametrize("run", range(6))
async def test_what_is_forgotten_is_lost_or_applied(run: int) -> None:
    """However often the queue forgets, every accepted write is on the stream, applied or counted as lost, and the
    ledger balances with exactly that. The ledger is read after every step, so the auditor has seen every write."""
    chance = random.Random(run)
    async with world() as on:
        await on.epochs.ledger()
        for _ in range(_STEPS):
            match chance.choice(("accept", "apply", "take", "end", "forget")):
                case "accept":
                    await on.accept(chance.randint(1, 5))
                case "apply":
                    await on.apply(chance.randint(1, 5))
                case "take":
                    await on.take(chance.randint(1, 5))
                case "end":
                    await on.end(chance.choice(("applied", "rejected")))
                case _:
                    on.forget(chance.choice((1, 2, 3, 9)))
            ledger = await on.epochs.ledger()
            waiting = len(on.stream[-1] - on.applied)
            ended = ledger.applied + ledger.rejected
            counted = (ledger.missing, ledger.lost, ledger.in_flight, ended, ledger.accepted, ledger.epoch)
            expected = (0, len(on.lost), waiting, len(on.applied), len(on.accepted), on.epoch)
            assert counted == expected, run
            if on.lost:  # the id was made while the lost writes were accepted
                assert any([await on.may_be_lost(second) for second in range(_STEPS + 2)])
        assert not await on.may_be_lost(-3600)


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize(("steps", "seen"), [(9, True), (9, False), (1, False), (2, True)])
async def test_what_was_in_hand_ends_in_its_own_epoch(how: str, steps: int, seen: bool) -> None:
    """Entries that a writer has in hand when the queue forgets them end after the next epoch has begun. They are no
    longer counted as lost, those never seen count as accepted, and the ledger balances at every reading."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(3)
        if seen:
            await on.epochs.ledger()
        await on.take(4)
        on.forget(steps)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.epoch) == (0, 2)
        await on.end(how)
        for _ in range(2):
            reading = await on.reading()
            ledger = await on.epochs.ledger()
            for each in (reading, ledger):
                ended = getattr(each, how)
                assert (each.missing, ended, each.accepted) == (0, 4, 4 + each.lost + each.in_flight), table(each)
                assert each.lost == (len(on.lost) if seen else 0)
            await on.accept(2)


@pytest.mark.parametrize("breaks", [2, 3])
async def test_what_nobody_had_seen_is_no_loss_however_often_the_queue_breaks(breaks: int) -> None:
    """Two writes that were seen stay lost, while two that no look had seen, and that a writer holds through repeated
    losses of the queue, count as accepted when they end."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(2, newest=True)
        for number in range(breaks):
            on.forget(9)
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, ledger.epoch) == (0, 2, 2 + number), table(ledger)
            await on.accept(1)
            await on.apply(1)
            await on.epochs.ledger()
        await on.end("applied")
        for _ in range(2):
            ledger = await on.epochs.ledger()
            counted = (ledger.missing, ledger.lost, ledger.applied, ledger.accepted)
            assert counted == (0, 2, 2 + breaks, 4 + breaks), table(ledger)


async def test_what_was_seen_between_two_breaks_is_back_when_it_ends() -> None:
    """A write that was first seen between two losses, and lost by the second while a writer had it in hand, is no
    longer counted as lost once it ends."""
    async with world() as on:
        await on.accept(1)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(1, newest=True)
        on.restart()
        assert (await on.epochs.ledger()).lost == 0
        on.forget(9)
        assert (await on.epochs.ledger()).lost == 3
        await on.end("applied")
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 1, 3), table(ledger)


@pytest.mark.parametrize("steps", [6, 99])
async def test_a_queue_that_is_back_with_what_it_had_has_lost_what_came_in_between(steps: int) -> None:
    """A queue that starts on an empty disk or an old copy, takes writes, and then starts again on its earlier disk has
    lost those writes, although the earlier disk remembers more looks than there were since."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(5)
        for _ in range(5):
            on.pause()
            await on.epochs.ledger()
        put_back = on.kept_aside()
        on.forget(steps)
        await on.epochs.ledger()
        await on.accept(3)
        await on.epochs.ledger()
        put_back()
        ledger = await on.epochs.ledger()
        counted = (ledger.missing, ledger.lost, ledger.in_flight, ledger.accepted, ledger.epoch)
        assert counted == (0, 3, 5, 8, on.epoch), table(ledger)


@pytest.mark.parametrize("since", [0, 9])
@pytest.mark.parametrize("meanwhile", [0, 3, 8])
async def test_a_stream_that_was_renamed_and_is_back(meanwhile: int, since: int) -> None:
    """The entries of a stream that was renamed and renamed back count once, and what was accepted in between is lost.
    The ledger balances then and at later readings, although nothing else of the queue went back. `since`: the writes
    that the queue accepts before the next look."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(5)
        await on.epochs.ledger()
        back = await on.renamed()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.epoch) == (0, 5, on.epoch), table(ledger)
        if meanwhile:
            await on.accept(meanwhile)
        await on.epochs.ledger()
        await back()
        if since:
            await on.accept(since)
        for _ in range(2):
            ledger = await on.epochs.ledger()
            counted = (ledger.missing, ledger.lost, ledger.in_flight, ledger.accepted, ledger.epoch)
            assert counted == (0, meanwhile, 5 + since, 5 + meanwhile + since, on.epoch), table(ledger)
        await on.accept(2)
        await on.apply(4)
        ledger = await on.epochs.ledger()
        counted = (ledger.missing, ledger.lost, ledger.in_flight, ledger.applied, ledger.epoch)
        assert counted == (0, meanwhile, 3 + since, 4, on.epoch), table(ledger)


async def test_another_stream_begins_one_epoch_whatever_number_the_queue_holds() -> None:
    """If the stream is replaced, one epoch begins, even if the queue holds the number of a look that is far ahead of
    the last recorded one. Such looks were not recorded, because too few replicas had them."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(3)
        await on.epochs.ledger()
        with patch.object(on.epochs._memory, "read", on.epochs._memory.read):
            on.cut_off(on.epochs)
            for _ in range(3):
                await on.epochs.ledger()
        await on.renamed()
        for _ in range(3):
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, ledger.epoch) == (0, 3, 2), table(ledger)


@pytest.mark.parametrize("first", [True, False])
async def test_the_queue_forgets_again_before_the_epoch_has_a_recorded_look(*, first: bool) -> None:
    """If the queue forgets everything between the begin of an epoch and its first recorded look, another epoch begins,
    and the ledger balances: the earlier queue's entries are no longer among those that the queue counts."""
    async with world() as on:
        if not first:
            await on.epochs.ledger()
            await on.accept(3)
            await on.epochs.ledger()
            on.forget(9)
        await on.accept(5)
        await on.apply(5)
        with patch.object(on.epochs, "_keep", side_effect=ConnectionError), pytest.raises(ConnectionError):
            await on.epochs.ledger()
        on.forget(9)
        for _ in range(2):
            ledger = await on.epochs.ledger()
            counted = (ledger.missing, ledger.lost, ledger.applied, ledger.epoch)
            assert counted == (0, 0 if first else 3, 5, on.epoch), table(ledger)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(("steps", "lost"), [(1, 1), (9, 2)])
async def test_what_is_added_by_hand_later_is_of_its_own_epoch(steps: int, lost: int, *, again: bool) -> None:
    """After the loss of an entry from the future the epoch's window ends in the future. Entries added by hand with ids
    above it count once, and never as the lost ones, also after the queue was emptied or has restarted."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(1)
        await on.add_ahead(300)
        await on.epochs.ledger()
        on.forget(steps)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, lost, 2, 2), table(ledger)
        if again:
            on.restart()
            await on.epochs.ledger()
        await on.bury(2)
        for _ in range(2):
            ledger = await on.epochs.ledger()
            counted = (ledger.missing, ledger.lost, ledger.dead_lettered, ledger.accepted)
            assert counted == (0, lost, 2, 4), table(ledger)


async def test_a_break_before_anything_was_kept_forgets_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the queue breaks again before the first reading of an epoch was kept, the lost writes stay counted as lost."""
    async with world() as on:
        await on.accept(3)
        await on.epochs.ledger()
        on.forget(9)
        with monkeypatch.context() as patched:
            patched.setattr(epochs, "keep", lambda *_: None)
            assert (await on.epochs.ledger()).lost == 3
        await on.accept(1)
        on.restart()
        await on.forget_the_oldest(1)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 3, 3, 3), table(ledger)


async def test_entries_of_two_partitions_may_have_one_id() -> None:
    """Entries put by hand into two partitions with one id become dead letters after the next epoch began, and both
    count."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        await on.take(2)
        on.forget(9)
        assert (await on.epochs.ledger()).lost == 2
        entry_id = min(on.in_hand)
        for fields, partition in zip(on.in_hand.values(), Partitions(2), strict=True):
            await asyncio.to_thread(on.die, entry_id, fields, partition=partition)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.dead_lettered, ledger.lost, ledger.accepted) == (0, 2, 0, 2), table(ledger)


@pytest.mark.parametrize("how", ENDS)
async def test_what_ended_after_the_last_look_hides_no_loss(how: str) -> None:
    """Writes that were seen and then lost are named, although others, unseen, ended after the last look."""
    async with world() as on:
        await on.accept(3)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(2, newest=True)
        await on.end(how)
        on.forget(9)
        for _ in range(2):
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, getattr(ledger, how), ledger.accepted) == (0, 3, 2, 5), table(ledger)


async def test_a_second_entry_of_an_operation_is_no_loss() -> None:
    """If a look saw two entries of one operation and one of them ended it, the other is not counted as lost with the
    rest."""
    async with world() as on:
        await on.accept(3)
        await on.repeat_the_oldest()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.in_flight, ledger.accepted) == (0, 3, 3), table(ledger)
        (await on.ending_the_oldest())()
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 1, 3), table(ledger)


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("forgets", [False, True])
async def test_a_write_that_was_applied_past_the_queue_is_not_lost(settled: bool, before: bool, forgets: bool) -> None:
    """A write that a look saw in flight and the api then applied directly is not lost when the queue restarts or
    forgets what a writer did about it, nor when it restarts again after a look that has seen all of it."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(3)
        await on.epochs.ledger()
        await on.apply_directly(settled=settled)
        if before:
            await on.epochs.ledger()
        on.forget(1) if forgets else on.restart()
        for _ in range(2):
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, ledger.accepted, ledger.applied) == (0, 0, 3, 1), table(ledger)
            on.restart()


async def test_what_is_lost_is_named_although_others_were_applied_past_the_queue() -> None:
    """Of four writes that a look saw, two are applied directly, one before the look and one after, and the other two
    are named as lost. A write accepted after the look and applied directly hides neither."""
    async with world() as on:
        await on.accept(4)
        await on.apply_directly(settled=True)
        await on.epochs.ledger()
        await on.apply_directly(settled=True)
        await on.accept(1)
        await on.forget_the_oldest(2)
        await on.apply_directly(settled=True)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 3, 5), table(ledger)


async def test_a_second_entry_of_an_operation_hides_no_late_end() -> None:
    """Two entries of one operation on the stream when the epoch begins count once, so a write that was in hand then is
    no longer lost when it ends."""
    async with world() as on:
        await on.accept(1)
        await on.repeat_the_oldest()
        await on.accept(1)
        await on.take(1, newest=True)
        await on.epochs.ledger()
        on.forget(1)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.in_flight, ledger.accepted) == (0, 1, 1, 2), table(ledger)
        (await on.ending_the_oldest())()
        await on.end("applied")
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 0, 2, 2), table(ledger)


@pytest.mark.parametrize("late", [False, True])
async def test_what_was_sent_again_is_a_letter_still(late: bool) -> None:
    """Dead letters that a replay had sent again and the queue forgets count as dead letters and not as lost, before and
    after the replay notices, unless a writer has them in hand and applies them."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(3)
        await on.take(3)
        await on.end("dead_lettered")
        await on.epochs.ledger()
        await on.send_again()
        await on.epochs.ledger()
        await on.take(3)
        on.applied.clear()
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.dead_lettered, ledger.lost, ledger.accepted) == (0, 3, 0, 3), table(ledger)
        await on.end("applied") if late else await on.give_up()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted) == (0, 0, 3), table(ledger)
        assert (ledger.applied, ledger.dead_lettered) == ((3, 0) if late else (0, 3))


@pytest.mark.parametrize("noted", [False, True])
async def test_a_letter_that_is_sent_and_applied_during_a_reading_is_counted_once(
    noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A dead letter that is sent and applied between the looks at the queue and at the database is counted once,
    whether or not its replay has noted that it was sent."""
    async with world() as on:
        await on.accept(3)
        await on.take(3)
        await on.end("dead_lettered")
        await on.choose()
        on.applied.clear()
        looks = 0

        async def then_it_is_sent(*arguments: Any) -> Any:
            nonlocal looks
            found = await snapshot(*arguments)
            looks += 1
            if looks == 1:
                await on.send(noted=noted)
                await on.take(3)
                await on.end("applied")
            return found

        monkeypatch.setattr(ledgers, "snapshot", then_it_is_sent)
        for _ in range(2):
            reading = await on.reading()
            counted = (reading.missing, reading.accepted, reading.dead_lettered, reading.applied)
            assert counted == (0, 3, 0, 3), table(reading)


@pytest.mark.parametrize("before", ["ended_by", "letter_counts", "counts_in"])
async def test_a_write_that_ends_during_a_reading_is_counted_once(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that ends between any two database queries of one reading is counted once."""
    async with world() as on:
        await on.accept(3)
        end, real = await on.ending_the_oldest(), getattr(ledgers, before)

        def ends_first(*arguments: Any) -> Any:
            monkeypatch.undo()
            end()
            return real(*arguments)

        monkeypatch.setattr(ledgers, before, ends_first)
        reading = await on.reading()
        assert getattr(ledgers, before) is real
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 3, 0), table(reading)
        reading = await on.reading()
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 2, 1), table(reading)


async def test_a_copy_of_what_is_over_is_no_write() -> None:
    """A copy of an entry whose operation has ended counts as no write while it waits on the stream."""
    async with world() as on:
        await on.accept(3)
        (await on.ending_the_oldest())()
        await on.repeat_the_oldest()
        reading = await on.reading()
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 2, 1), table(reading)


@pytest.mark.parametrize("readable", [True, False])
async def test_what_dies_again_was_in_no_hands(readable: bool) -> None:
    """Dead letters that the queue has on the stream again after it went back, and that die once more, count once, both
    those of writes and those that name no operation."""
    async with world() as on:
        if readable:
            await on.accept(2)
            await on.take(2)
            await on.end("dead_lettered")
        else:
            await on.bury(2)
        await on.epochs.ledger()
        await on.send_again()
        await on.accept(1)
        await on.epochs.ledger()
        await on.accept(1)
        on.forget(1)
        assert (await on.epochs.ledger()).missing == 0
        await on.die_again()
        ledger = await on.epochs.ledger()
        counted = (ledger.missing, ledger.lost, ledger.dead_lettered, ledger.in_flight, ledger.accepted)
        assert counted == (0, 0, 2, 1, 3), table(ledger)


@pytest.mark.parametrize("off", [-2, 2])
async def test_a_reading_that_is_off_is_no_loss_of_a_queue_that_remembers(
    off: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """When a restarted queue has all that was seen, a single reading that says otherwise is repeated and no loss is
    counted."""
    async with world() as on:
        await on.accept(3)
        await on.epochs.ledger()
        on.restart()
        real, readings = ledgers.reading_at, 0

        async def off_at_first(*arguments: Any, **more: Any) -> Ledger:
            nonlocal readings
            readings += 1
            found = await real(*arguments, **more)
            return replace(found, applied=found.applied + off) if readings == 1 else found

        monkeypatch.setattr(ledgers, "reading_at", off_at_first)
        monkeypatch.setattr(auditors, "reading_at", off_at_first)
        ledger = await on.epochs.ledger()
        assert (ledger.epoch, ledger.missing, ledger.lost, ledger.carried, ledger.accepted) == (2, 0, 0, 0, 3)


async def test_what_came_during_a_look_and_is_lost_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that arrived during a look was counted, so its loss is named, whatever the queue accepts afterwards."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()

        async def one_comes_first(*arguments: Any) -> Any:
            monkeypatch.undo()
            on.pause()
            await on.accept(1)
            return await snapshot(*arguments)

        monkeypatch.setattr(ledgers, "snapshot", one_comes_first)
        assert (await on.epochs.ledger()).accepted == 3
        on.forget(1)
        await on.reading()
        await on.accept(2)
        ledger = await on.epochs.ledger()
        assert (ledger.epoch, ledger.missing, ledger.lost, ledger.accepted) == (2, 0, 1, 5), table(ledger)
