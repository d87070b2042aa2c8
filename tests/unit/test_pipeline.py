"""The pipeline, with all its collaborators in memory."""

import asyncio
import uuid
from collections.abc import Sequence

from holdfast.services.writer.pipeline import TRANSACTIONS_AT_ONCE, Apply, Handled, Pipeline
from holdfast.shared.queue.codec import encode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Outcome, Retry
from tests.users import delete_user


def _entry(number: int) -> Entry:
    write = Write(operation_id=str(uuid.uuid4()), entity_id=str(uuid.uuid4()), command=delete_user(), version=number)
    return Entry(f"{number}-1", {name.encode(): value.encode() for name, value in encode(write).items()})


def _pipeline(apply: Apply) -> Pipeline:
    async def vet(entries: Sequence[Entry]) -> Sequence[Entry]:
        return entries

    async def settle(_: list[Handled]) -> None:
        pass

    def unknown(*_: object) -> Dead | Retry:
        return Retry()

    return Pipeline(vet, apply, settle, unknown, 100)


async def test_an_error_reaches_every_batch_that_shared_the_transaction() -> None:
    """An error in a transaction reaches every batch that shared it as an error, and not as a cancellation, which would
    end the loop that handles the batch."""
    release = asyncio.Event()

    async def fails(_: list[Delivery]) -> list[Outcome]:
        await release.wait()
        raise KeyError("a bug")

    pipeline = _pipeline(fails)
    batches = [asyncio.create_task(pipeline.handle([_entry(number)])) for number in range(1, 7)]
    await asyncio.sleep(0)
    release.set()
    ends = await asyncio.gather(*batches, return_exceptions=True)
    assert [type(end) for end in ends] == [KeyError] * 6
    assert not pipeline.in_hand


async def test_a_batch_that_is_cancelled_takes_no_other_with_it() -> None:
    """A batch that is cancelled while it waits for a shared transaction does not affect the other batches, which get
    their outcomes."""
    gates = [asyncio.Event() for _ in range(TRANSACTIONS_AT_ONCE + 1)]
    begun = iter(gates)

    async def retries(deliveries: list[Delivery]) -> list[Outcome]:
        await next(begun).wait()
        return [Retry() for _ in deliveries]

    async def turns() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    pipeline = _pipeline(retries)
    batches = [asyncio.create_task(pipeline.handle([_entry(number)])) for number in range(1, 7)]
    await turns()
    for gate in gates[:-1]:  # the others share the last transaction, and one more of them waits for it
        gate.set()
        await turns()
    batches[3].cancel()
    await turns()
    gates[-1].set()
    ends = await asyncio.gather(*batches, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None)] * 3 + [asyncio.CancelledError] + [type(None)] * 2
    assert not pipeline.in_hand
