"""Transactions of a replay's driver: each may be done twice without harm, so one that meets another is tried again."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.faults import Contention
from holdfast.shared.resilience.retry import retry_on
from holdfast.shared.store.engine import Engine

_TRIES = 8

P = ParamSpec("P")
T = TypeVar("T")


class Transactions:
    """`await transactions(results.look, replay_id, 1000)`. Raises the store's faults."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """In a background thread."""
        once = lambda: self._database.work(work, *args, **kwargs)  # noqa: E731 - called again
        return await retry_on(Contention, once, base_s=0.01, cap_s=0.2, attempts=_TRIES)
