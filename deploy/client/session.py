"""A session: an api that responds, users that exist, and a generator that is ready to start."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.client.connections import Connections, address_of
from deploy.client.generator import Generator, Observer
from deploy.client.plan import Plan
from deploy.client.requests import prepare

_OF_USERS = {"reads", "lists", "updates"}


@asynccontextmanager
async def session(plan: Plan, *observers: Observer) -> AsyncIterator[Generator]:
    """Raises Problem when the api does not respond. Polling has connections of its own, so that it never waits for the
    load. HOLDFAST_API_KEY is sent where it is set."""
    address, headers = address_of(plan.api), _key_header()
    connections = Connections(address, headers, plan.timeout_s)
    polling = Connections(address, headers, plan.timeout_s)
    try:
        wanted = _OF_USERS & {kind.word for kind, weight in plan.mix.items() if weight}
        requests = await prepare(connections, plan.users if wanted else 0)
        yield Generator(plan, requests, connections, polling, *observers)
    finally:
        connections.close()
        polling.close()


def _key_header() -> str:
    key = os.environ.get("HOLDFAST_API_KEY", "").strip()
    return f"Authorization: Bearer {key}\r\n" if key else ""
