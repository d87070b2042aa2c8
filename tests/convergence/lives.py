"""Lives: a history is accepted, and delivered in any order, in any batches, with any duplicates, to any number of
writers."""

import os
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st

from tests.convergence.histories import Step
from tests.convergence.sequential_model import Accepted, SequentialModel
from tests.convergence.world import World

EXAMPLES = int(os.environ.get("HOLDFAST_EXAMPLES", "0"))
SEEDS = st.integers(0, 2**32 - 1)


#: The examples are run in parts, so that several workers can share them.
_PARTS = 5
in_parts = pytest.mark.parametrize("part", range(_PARTS))


def bounded(examples: int, part: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Limit a property to one part of so many examples, the same ones each time. HOLDFAST_EXAMPLES=5000 runs more, and
    other ones each time."""
    limits = settings(
        max_examples=(EXAMPLES or examples) // _PARTS,
        database=None,
        print_blob=True,
    )
    return limits if EXAMPLES else lambda test: seed(part)(limits(test))


def command(step: Step, number: int, model: SequentialModel, email: str | None) -> Accepted:
    """Return the write for `step`. Its version is 0, because acceptance assigns it."""
    user_id = f"00000000-0000-4000-8000-{step.slot:012d}"
    operation_id = f"00000000-0000-4000-9000-{number:012d}"
    if_match = {None: None, "current": model.version_of(user_id), "stale": 1}[step.if_match]
    return Accepted(operation_id, user_id, step.command, 0, step.name, email, if_match, step.second)


def all_end_in_order(
    world: World,
    histories: st.SearchStrategy[list[Step]],
    part: int,
    *,
    examples: int,
    address: Callable[[str], str] = str,
) -> None:
    """Check that entities, versions and statuses equal those of a sequential model. `address`: maps an e-mail address
    to the unique value to use."""

    @bounded(examples, part)
    @given(history=histories, chance_seed=SEEDS)
    def holds(history: list[Step], chance_seed: int) -> None:
        chance, model = random.Random(chance_seed), SequentialModel()

        async def live() -> None:
            crew = world.crew(chance)
            for number, step in enumerate(history):
                wanted = command(step, number, model, None if step.email is None else address(step.email))
                result, version = await world.accept(wanted)
                note(f"{result} {wanted} at {version}")
                if result == "accepted":
                    model.take(replace(wanted, version=version))
                await crew.deliver_some(step.deliveries, chance)
            await crew.send_copies(chance.randint(0, 3), chance)
            await crew.drain(chance)
            await crew.send_copies(chance.randint(0, 3), chance)
            await crew.deliver_some(chance.randint(0, 5), chance)
            await crew.drain(chance)
            assert await world.leftovers() == []

        world.run(live)
        # The message shows the difference: a failure in one of a hundred runs may not occur again.
        assert (seen := world.visible()) == model.visible(), (seen, model.visible())
        assert (ends := world.status()) == model.status, sorted(ends.items() ^ model.status.items())
        assert world.personal_data_of_the_invisible() == []

    holds()
