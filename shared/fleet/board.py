"""Board: exchanges reports and orders between processes, in the cache Redis.

| key                      | type   | holds                                                                    |
|--------------------------|--------|--------------------------------------------------------------------------|
| `holdfast:fleet:reports` | hash   | `service/instance` -> its breakers, and the time of the report           |
| `holdfast:fleet:orders`  | stream | operators' orders; an entry's id is the time of the order                |

All times are by Redis' clock, so that the clocks of two machines are never compared. If the cache loses its data,
reports are written again within a second; replicas that start later do not see the lost orders.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import entries, text
from holdfast.shared.fleet.member import Member
from holdfast.shared.fleet.order import IssuedOrder, Order
from holdfast.shared.fleet.roster import Roster, about, member_key
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import BOARD_KEPT_S, REPORT_EVERY_S, REPORT_STALE_S
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

REPORTS = "holdfast:fleet:reports"
ORDERS = "holdfast:fleet:orders"

_ORDERS_KEPT = 1000

_REPORT = """
local now = redis.call('TIME')
local micros = now[1] .. string.format('%06d', now[2])
redis.call('HSET', KEYS[1], ARGV[1], micros .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return micros
"""


class Board:
    """One process's access to the board. `watching`: this process reads the reports of the others, as an api does.
    `on_order` is called with every order, including orders for other processes.

        board = Board(cache, Member("writer", instance, breakers.values))
        loops = start({"board": board.run})
    """

    def __init__(
        self,
        redis: Redis,
        member: Member,
        *,
        watching: bool = False,
        on_order: Callable[[IssuedOrder], None] | None = None,
    ) -> None:
        self._redis = redis
        self._watching = watching
        self._after = "-"
        self._on_order = on_order
        self._reporter, self._order_reporter = FailureReporter("board"), FailureReporter("orders")
        self.member = member
        self._key = member_key(member.service, member.instance)
        self.roster = Roster(self._key)

    @property
    def reachable(self) -> bool:
        """Whether the board was read recently."""
        return self.roster.read_at is not None and time.monotonic() - self.roster.read_at <= REPORT_STALE_S

    def breakers(self) -> list[dict[str, Any]]:
        """Return this process's breakers in their current state, and all others as last reported. No I/O."""
        own = about(self.member.service, self.member.instance, age_s=0)
        return [one | own for one in self.member.breakers()] + self.roster.shown(time.monotonic())

    async def run(self) -> None:
        """Exchange reports and orders until cancelled."""
        while True:
            try:
                with self._reporter:
                    while await self.beat():
                        pass  # an order was carried out, so the report has changed
                metrics.board_beats.labels("done").inc()
            except (RedisError, OSError):
                metrics.board_beats.labels("failed").inc()
            await asyncio.sleep(REPORT_EVERY_S)

    async def beat(self) -> bool:
        """Report, read and carry out orders, and read the other reports, in one round trip. Return whether an order was
        carried out. Raises RedisError, OSError."""
        pipeline = self._redis.pipeline(transaction=False)
        report = orjson.dumps(self.member.breakers(), option=orjson.OPT_UTC_Z)
        pipeline.eval(_REPORT, 1, REPORTS, self._key, report, BOARD_KEPT_S)
        pipeline.xrange(ORDERS, min=self._after, count=_ORDERS_KEPT)
        if self._watching:
            pipeline.hgetall(REPORTS)
        micros, orders, *reports = await pipeline.execute()
        board_s = int(micros) / 1e6
        self._take(orders)
        obeyed = self.member.obey(board_s * 1000)
        gone = self.roster.read(reports[0] if reports else {}, board_s, time.monotonic())
        if gone:
            await self._redis.hdel(REPORTS, *gone)
        return obeyed

    async def give(self, order: Order) -> bool:
        """Give an order to the replicas, which read it within about a second. Return whether the board has stored the
        order."""
        fields = order.fields()
        try:
            with self._order_reporter:
                await self._redis.xadd(ORDERS, {name: value for name, value in fields.items()}, maxlen=_ORDERS_KEPT)
            return True
        except (RedisError, OSError):
            return False

    async def leave(self) -> None:
        """Remove the report at once, rather than after ten seconds without an update."""
        with self._reporter.suppressing(RedisError, OSError):
            await self._redis.hdel(REPORTS, self._key)

    def _take(self, orders: object) -> None:
        for entry_id, fields in entries(orders):
            self._after = f"({entry_id}"
            try:
                issued = IssuedOrder.entry(text(entry_id), fields)
                self.member.take([issued])
                if self._on_order is not None:
                    self._on_order(issued)
            except ValueError as error:
                logs.warning(Action.ORDER_UNREADABLE, entry=entry_id, error=str(error))
