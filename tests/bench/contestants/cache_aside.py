"""Cache-aside: reads from Redis on a hit, else from the database, and then caches the result for an hour."""

import os
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from redis.asyncio import Redis
from starlette.concurrency import run_in_threadpool

from tests.bench.contestants import sqlalchemy_read
from tests.bench.contestants.bodies import UserShown
from tests.bench.contestants.sqlalchemy_insert import new_session

_KEPT_S = 3600
_REDIS = Redis.from_url(f"redis://{os.environ['HOLDFAST_CACHE_REDIS_ADDR']}/1")
_PAGE = TypeAdapter(list[UserShown])
app = FastAPI()


@app.get("/users/{user_id}")
async def read(user_id: str) -> UserShown:
    """Return the user, up to an hour old."""
    if (cached := await _REDIS.get(f"user:{user_id}")) is not None:
        return UserShown.model_validate_json(cached)
    user: UserShown = await run_in_threadpool(_from_database, sqlalchemy_read.read, user_id)
    await _REDIS.set(f"user:{user_id}", user.model_dump_json(), ex=_KEPT_S)
    return user


@app.get("/users")
async def read_page(limit: int = 50) -> list[UserShown]:
    """Return a page, up to an hour old."""
    if (cached := await _REDIS.get(f"page:{limit}")) is not None:
        return _PAGE.validate_json(cached)
    page: list[UserShown] = await run_in_threadpool(_from_database, sqlalchemy_read.read_page, limit=limit)
    await _REDIS.set(f"page:{limit}", _PAGE.dump_json(page), ex=_KEPT_S)
    return page


def _from_database(read: Any, *args: Any, **kwargs: Any) -> Any:
    with new_session() as opened:
        return read(*args, db=opened, **kwargs)
