"""Session: an api that is asked, users who are there, and a generator that is ready to begin."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.load.options import key_header
from deploy.load.plan import Plan
from deploy.load.run import Generator
from deploy.load.traffic import USERS, prepare
from deploy.load.wire import Connections, address_of


@asynccontextmanager
async def session(plan: Plan) -> AsyncIterator[Generator]:
    """Raises Problem when the api does not answer. Questions about writes have connections of their own, so that
    they never wait for the load."""
    address = address_of(plan.api)
    connections = Connections(address, key_header(), plan.timeout_s)
    asking = Connections(address, key_header(), plan.timeout_s)
    try:
        users = {kind.word for kind, weight in plan.mix.items() if weight} & {"reads", "lists", "updates"}
        traffic = await prepare(connections, USERS if users else 0)
        yield Generator(plan, traffic, connections, asking)
    finally:
        connections.close()
        asking.close()
