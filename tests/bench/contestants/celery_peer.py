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
    """In a worker process."""
    two_rows.insert(_connection(), write)


@celery.task
def create_user(user: dict[str, Any]) -> None:
    """Only ever sent: accepting is measured without workers."""


@app.post("/users", status_code=202)
def create(user: UserBody) -> UserBody:
    """In the queue when the answer goes out. `delay` blocks, so it goes to a thread; an `async def` was slower."""
    create_user.delay(user.model_dump())
    return user


def main() -> None:
    """Fill."""
    for number in range(int(sys.argv[1])):
        apply_write.delay(two_rows.message(number))


if __name__ == "__main__":
    # As the module that the worker knows, so that the task has the name it is registered under.
    from tests.bench.contestants.celery_peer import main as fill

    fill()
