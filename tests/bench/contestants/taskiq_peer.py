"""taskiq on the same Redis: an endpoint that sends a task, and a worker that does the two inserts.

`python -m tests.bench.contestants.taskiq_peer <writes>` fills the queue.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from taskiq_redis import RedisStreamBroker

from tests.bench.contestants import two_rows
from tests.bench.contestants.bodies import UserBody

broker = RedisStreamBroker(url=f"redis://{os.environ['REDIS_ADDR']}/0")
_local = threading.local()


@broker.task(task_name="apply_write")
def apply_write(write: dict[str, Any]) -> None:
    """Insert the two rows, in one of the worker's threads, where taskiq runs code that blocks."""
    if not hasattr(_local, "connection"):
        _local.connection = two_rows.connect()
    two_rows.insert(_local.connection, write)


@broker.task(task_name="create_user")
async def create_user(user: dict[str, Any]) -> None:
    """Do nothing: acceptance is measured without workers."""


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Start the broker, and stop it at the end."""
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=lifespan)


@app.post("/users", status_code=202)
async def create(user: UserBody) -> UserBody:
    """Send a task, which is in the queue when the answer is sent."""
    await create_user.kiq(user.model_dump())
    return user


async def _fill(count: int) -> None:
    await broker.startup()
    for number in range(count):
        await apply_write.kiq(two_rows.message(number))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(_fill(int(sys.argv[1])))
