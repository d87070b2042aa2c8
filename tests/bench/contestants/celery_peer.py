"""Celery on the same Redis: an endpoint that sends a task, and a worker that does the two inserts.

`python -m tests.bench.contestants.celery_peer <writes>` fills the queue.
"""

import os
import sys
from functools import cache
from typing import Any

from celery import Celery
from fastapi import FastAPI

from tests.bench.contestants import two_rows
from tests.bench.contestants.bodies import UserBody

celery = Celery("bench", broker=f"redis://{os.environ['REDIS_ADDR']}/0")
celery.conf.task_ignore_result = True
app = FastAPI()


@cache
def _connection() -> Any:
    return two_rows.connect()


@celery.task
def apply_write(write: dict[str, Any]) -> None:
    """Insert the two rows, in a worker process."""
    two_rows.insert(_connection(), write)


@celery.task
def create_user(user: dict[str, Any]) -> None:
    """Do nothing: acceptance is measured without workers."""


@app.post("/users", status_code=202)
def create(user: UserBody) -> UserBody:
    """Send a task, which is in the queue when the answer is sent. `delay` blocks, so the endpoint runs in a thread; an
    `async def` was slower."""
    create_user.delay(user.model_dump())
    return user


def main() -> None:
    """Fill the queue."""
    for number in range(int(sys.argv[1])):
        apply_write.delay(two_rows.message(number))


if __name__ == "__main__":
    # Imported under the module name that the worker uses, so that the task has the name under which it is registered.
    from tests.bench.contestants.celery_peer import main as fill

    fill()
