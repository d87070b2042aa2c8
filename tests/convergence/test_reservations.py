"""Reservations: histories that random search is unlikely to find, in which an address that is released too early breaks
the order."""

import random
from dataclasses import dataclass

from tests.convergence.crew import Crew
from tests.convergence.sequential_model import Accepted
from tests.convergence.world import World

ANN, BOB = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
WANTED = "wanted@example.com"


@dataclass
class History:
    """A history in progress: the world, and the number of its writes so far."""

    world: World
    count: int = 0

    async def ask(self, user_id: str, command: str, email: str, if_match: int | None = None) -> str:
        """Accept a write, and return the result."""
        self.count += 1
        operation_id = f"00000000-0000-4000-9000-{self.count:012d}"
        name = None if command == "UpdateUser" else "name"
        write = Accepted(operation_id, user_id, command, 0, name, email, if_match)
        result, _ = await self.world.accept(write)
        return result


async def two_users(history: History, crew: Crew) -> None:
    """Create Ann and Bob, each with an address of their own."""
    for user_id in (ANN, BOB):
        assert await history.ask(user_id, "CreateUser", f"{user_id}@example.com") == "accepted"
    await crew.drain(random.Random(0))


def test_a_settled_claim_does_not_release_a_younger_claim_of_the_same_user(world: World) -> None:
    """While Ann's first claim is rejected and her second is queued, Bob is refused the address."""

    async def live() -> None:
        history, crew = History(world), world.crew(random.Random(0))
        await two_users(history, crew)
        assert await history.ask(ANN, "UpdateUser", WANTED, if_match=1) == "accepted"
        assert await history.ask(ANN, "UpdateUser", WANTED) == "accepted"
        await crew.deliver_oldest()
        assert await history.ask(BOB, "UpdateUser", WANTED) == "taken"
        await crew.drain(random.Random(0))
        assert world.visible()[ANN][1] == WANTED

    world.run(live)


def test_a_rejected_claim_releases_its_address(world: World) -> None:
    """After a claim is rejected, no user has the address, so the next claim is accepted."""

    async def live() -> None:
        history, crew = History(world), world.crew(random.Random(0))
        await two_users(history, crew)
        assert await history.ask(ANN, "UpdateUser", WANTED, if_match=1) == "accepted"
        assert await history.ask(BOB, "UpdateUser", WANTED) == "taken"
        await crew.drain(random.Random(0))
        assert await history.ask(BOB, "UpdateUser", WANTED) == "accepted"
        await crew.drain(random.Random(0))
        assert world.visible()[BOB][1] == WANTED
        assert await world.leftovers() == []

    world.run(live)


def test_a_copy_that_comes_later_releases_nothing_of_others(world: World) -> None:
    """If Ann has released the address and Bob's claim is queued, settling a copy of Ann's old claim does not release
    Bob's."""

    async def live() -> None:
        history, crew = History(world), world.crew(random.Random(0))
        await two_users(history, crew)
        assert await history.ask(ANN, "UpdateUser", WANTED) == "accepted"
        [claim] = await crew.on_stream()
        await crew.drain(random.Random(0))
        assert await history.ask(ANN, "UpdateUser", "elsewhere@example.com") == "accepted"
        await crew.drain(random.Random(0))
        await crew.send_again(claim)
        assert await history.ask(BOB, "UpdateUser", WANTED) == "accepted"
        await crew.deliver_oldest()
        assert await history.ask(ANN, "UpdateUser", WANTED) == "taken"
        await crew.drain(random.Random(0))
        assert world.visible()[BOB][1] == WANTED

    world.run(live)
