"""The pipeline, with everything that it is given in memory."""

import asyncio
import uuid
from collections.abc import Sequence

from holdfast.services.writer.pipeline import Handled, Pipeline
from holdfast.shared.queue.codec import encode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Outcome, Retry
from tests.users import delete_user


def _entry(number: int) -> Entry:
    write = Write(operation_id=str(uuid.uuid4()), entity_id=str(uuid.uuid4()), command=delete_user(), version=number)
    return Entry(f"{number}-1", {name.encode(): value.encode() for name, value in encode(write).items()})


async def test_an_error_reaches_every_batch_that_shared_the_transaction() -> None:
    """As an error, and not as a cancellation, which would end the loop that handles the batch."""
    release = asyncio.Event()

    async def vet(entries: Sequence[Entry]) -> Sequence[Entry]:
        return entries

    async def fails(_: list[Delivery]) -> list[Outcome]:
        await release.wait()
        raise KeyError("a bug")

    async def settle(_: list[Handled]) -> None:
        pass

    def unknown(*_: object) -> Dead | Retry:
        return Retry()

    pipeline = Pipeline(vet, fails, settle, unknown, 100)
    batches = [asyncio.create_task(pipeline.handle([_entry(number)])) for number in range(1, 7)]
    await asyncio.sleep(0)
    release.set()
    ends = await asyncio.gather(*batches, return_exceptions=True)
    assert [type(end) for end in ends] == [KeyError] * 6
    assert not pipeline.in_hand
