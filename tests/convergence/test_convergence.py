"""Convergence: writes in any order, in any batches, with any duplicates, at any number of writers, have one result."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, note

from tests.convergence.histories import Step, histories, peaceful_histories
from tests.convergence.lives import SEEDS, all_end_in_order, bounded, command, in_parts
from tests.convergence.sequential_model import SequentialModel
from tests.convergence.world import World


@pytest.mark.long
@in_parts
def test_every_user_and_operation_ends_as_in_the_order_of_acceptance(world: World, part: int) -> None:
    """Users, versions and statuses equal those of a sequential model, including transfers of addresses and If-Match."""
    all_end_in_order(world, histories, part, examples=250)


@pytest.mark.long
@in_parts
def test_users_end_alike_even_when_no_write_waits_for_an_earlier_one(world: World, part: int) -> None:
    """If no user wants another's address, merging alone gives the users of the model, although no write ever waits."""

    @bounded(200, part)
    @given(history=peaceful_histories, chance_seed=SEEDS)
    def holds(history: list[Step], chance_seed: int) -> None:
        chance, model = random.Random(chance_seed), SequentialModel()

        async def live() -> None:
            crew = world.crew(chance, patience=lambda _: False)
            for number, step in enumerate(history):
                email = None if step.email is None else f"user{step.slot}{step.email}@example.com"
                wanted = command(step, number, model, email)
                result, version = await world.accept(wanted)
                note(f"{result} {wanted} at {version}")
                model.take(replace(wanted, version=version))
                await crew.deliver_some(step.deliveries, chance)
            await crew.send_copies(chance.randint(0, 3), chance)
            await crew.drain(chance)
            await crew.deliver_some(chance.randint(0, 5), chance)
            assert await world.leftovers() == []

        world.run(live)
        assert world.visible() == model.visible()
        assert world.status().keys() == model.status.keys()
        assert world.personal_data_of_the_invisible() == []

    holds()
