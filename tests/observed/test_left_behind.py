"""The queue fails over, and a dlq_admin continues with the old primary: what it reads there is neither an imbalance nor
another loss of memory."""

import pytest

from holdfast.shared.connections.replicas import TooFewReplicas
from holdfast.shared.writes.ledger import Ledger, table
from tests.observed.forgetful import world


async def test_a_reading_is_of_one_queue_and_of_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replica never got a write that a writer has in hand. While one dlq_admin looks at the old primary, another
    begins the new one's epoch, and the write is carried to that: the first one has no reading."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(1)
        await on.take(1, newest=True)
        async with on.failed_over(without=1, replicas=True) as left:
            await on.end("applied")
            read = left._read

            async def read_later() -> Ledger:
                await on.epochs.ledger()
                return await read()

            monkeypatch.setattr(left, "_read", read_later)
            with pytest.raises(ConnectionError):
                await left.ledger()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 0, 3, 2), table(ledger)


async def test_who_is_left_with_the_old_primary_begins_no_epoch() -> None:
    """It lacks what was seen of the new one, and that is no loss: accepted writes wait for replicas, and the server
    that answers has none, and is not the one of the last look."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        async with on.failed_over(without=0, replicas=False) as left:
            for _ in range(2):
                await on.accept(1)
                await on.epochs.ledger()
                with pytest.raises(TooFewReplicas):
                    await left.ledger()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 0, 4, 2), table(ledger)


@pytest.mark.parametrize("replicas", [True, False])
async def test_an_imbalance_is_of_a_queue_that_replicas_have(replicas: bool) -> None:
    """A write dies that the old primary still has, and nobody has begun the new one's epoch: it counts twice. That is
    reported only if replicas have what the server holds."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.take(1)
        async with on.failed_over(without=0, replicas=replicas) as left:
            assert (await left.ledger()).missing == 0
            await on.end("dead_lettered")
            if replicas:
                assert (await left.ledger()).missing == -1
            else:
                with pytest.raises(TooFewReplicas):
                    await left.ledger()


async def test_a_queue_that_forgets_while_its_replicas_are_away_is_named() -> None:
    """It is the server of the last look."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        on.cut_off(on.epochs)
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 2, 2, 2), table(ledger)


async def test_a_number_is_left_only_with_the_server_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue goes back between a reading and the number of that look, and has as many entries again by the next one.
    What it lost is named: it does not remember a look that it was not there for."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        read = on.epochs._read

        async def forgotten_then() -> Ledger:
            ledger = await read()
            on.forget(1)
            await on.epochs._redis.connection_pool.disconnect()  # the next one is new
            return ledger

        with monkeypatch.context() as patched:
            patched.setattr(on.epochs, "_read", forgotten_then)
            with pytest.raises(ConnectionError):
                await on.epochs.ledger()
        await on.accept(2)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 2, 6, 2), table(ledger)
