"""The queue fails over, and a dlq_admin continues with the old primary: what it reads there is neither an imbalance nor
another loss of memory."""

import pytest

from holdfast.shared.connections.replicas import TooFewReplicas
from holdfast.shared.writes.ledger import Ledger, table
from tests.observed.forgetful import world


async def test_a_reading_is_of_one_queue_and_of_its_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dlq_admin that reads the old primary while another begins the new primary's epoch gets no reading, although a
    write that the replica never received is carried to the new epoch."""
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
    """A dlq_admin that still reads the old primary begins no epoch for what that server lacks: accepted writes wait for
    replicas, and the server that answers has none and is not the one of the last look."""
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
    """A dead-lettered write that the old primary still holds counts twice until the new primary's epoch begins. The
    imbalance is reported only if replicas have what the server holds."""
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
    """A loss of the queue is named even while its replicas are away, because the server is the one of the last look."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        on.cut_off(on.epochs)
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 2, 2, 2), table(ledger)


async def test_a_number_is_left_only_with_the_server_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a look is left only with the server that was read. If the queue goes back between the reading and
    its number, and has as many entries again by the next look, its loss is named."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        read = on.epochs._read

        async def forgotten_then() -> Ledger:
            ledger = await read()
            on.forget(1)
            await on.epochs._redis.connection_pool.disconnect()  # the next connection is new
            return ledger

        with monkeypatch.context() as patched:
            patched.setattr(on.epochs, "_read", forgotten_then)
            with pytest.raises(ConnectionError):
                await on.epochs.ledger()
        await on.accept(2)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 2, 6, 2), table(ledger)
