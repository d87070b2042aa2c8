"""Convergence of a resource of somebody's own: any order, any batches, any duplicates, one result."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, note

from tests.articles import Article
from tests.convergence.histories import Step, histories
from tests.convergence.sequential_model import SequentialModel
from tests.convergence.test_convergence import SEEDS, bounded, command, in_parts
from tests.convergence.world import Kind, World
from tests.servers import Database, RedisServer


@pytest.fixture(scope="module")
def world(declared: None, queue: RedisServer, stores: Database) -> Iterator[World]:
    """Of articles: a title for each name, a slug for each address."""
    with World(queue, stores, Kind(Article.type, "title", "slug", {"body": "A\nbody."})) as world:
        yield world


@pytest.mark.long
@in_parts
def test_every_article_and_operation_ends_as_in_the_order_of_acceptance(world: World, part: int) -> None:
    """As users do, whose model is the only one: what is unique is a list, and the engine knows no field by name."""

    @bounded(50, part)
    @given(history=histories, chance_seed=SEEDS)
    def holds(history: list[Step], chance_seed: int) -> None:
        chance, model = random.Random(chance_seed), SequentialModel()

        async def live() -> None:
            crew = world.crew(chance)
            for number, step in enumerate(history):
                slug = None if step.email is None else step.email.lower().partition("@")[0]
                wanted = command(step, number, model, slug)
                result, version = await world.accept(wanted)
                note(f"{result} {wanted} at {version}")
                if result == "accepted":
                    model.take(replace(wanted, version=version))
                await crew.deliver_some(step.deliveries, chance)
            await crew.send_copies(chance.randint(0, 3), chance)
            await crew.drain(chance)
            assert await world.leftovers() == []

        world.run(live)
        assert world.visible() == model.visible()
        assert world.status() == model.status
        assert world.personal_data_of_the_invisible() == []

    holds()
