"""Board: reports and orders in the cache Redis.

| key                      | type   | holds                                                                    |
|--------------------------|--------|--------------------------------------------------------------------------|
| `holdfast:fleet:reports` | hash   | `service/instance` -> its breakers, and when it said so by Redis' clock  |
| `holdfast:fleet:orders`  | stream | what operators have ordered; an entry's id is when                       |

All times are Redis' own, so that no two machines' clocks are compared. What is lost with the cache is written again
within a second; only a replica that starts after that no longer hears of an earlier order.
"""

import asyncio
import time
from collections.abc import Callable

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import entries, text
from holdfast.shared.fleet.member import Member
from holdfast.shared.fleet.order import IssuedOrder, Order
from holdfast.shared.fleet.roster import Roster, member_key
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
    """This process's place at the board. Everybody but an api is there unseeing: `watching` False. `heard` is told
    every order, also those for others."""

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
        self._heard = "-"
        self._on_order = on_order
        self._reporter, self._giving = FailureReporter("board"), FailureReporter("orders")
        self.member = member
        self._key = member_key(member.service, member.instance)
        self.roll = Roster(self._key)

    @property
    def reachable(self) -> bool:
        """Whether it was read lately."""
        return self.roll.read_at is not None and time.monotonic() - self.roll.read_at <= REPORT_STALE_S

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                with self._reporter:
                    while await self.beat():
                        pass  # it has just obeyed: that is news
                metrics.board_beats.labels("done").inc()
            except (RedisError, OSError):
                metrics.board_beats.labels("failed").inc()
            await asyncio.sleep(REPORT_EVERY_S)

    async def beat(self) -> bool:
        """Report, hear what was ordered and do it, and look at the others: one round trip. Whether something was
        done. Raises RedisError, OSError."""
        pipeline = self._redis.pipeline(transaction=False)
        report = orjson.dumps(self.member.breakers())
        pipeline.eval(_REPORT, 1, REPORTS, self._key, report, BOARD_KEPT_S)
        pipeline.xrange(ORDERS, min=self._heard, count=_ORDERS_KEPT)
        if self._watching:
            pipeline.hgetall(REPORTS)
        micros, orders, *reports = await pipeline.execute()
        board_s = int(micros) / 1e6
        self._take(orders)
        obeyed = self.member.obey(board_s * 1000)
        gone = self.roll.read(reports[0] if reports else {}, board_s, time.monotonic())
        if gone:
            await self._redis.hdel(REPORTS, *gone)
        return obeyed

    async def give(self, order: Order) -> bool:
        """Tell every replica, who hear of it within about a second. Whether the board took it."""
        fields = order.fields()
        try:
            with self._giving:
                await self._redis.xadd(ORDERS, {name: value for name, value in fields.items()}, maxlen=_ORDERS_KEPT)
            return True
        except (RedisError, OSError):
            return False

    async def leave(self) -> None:
        """Be gone at once rather than after a while of silence."""
        with self._reporter.suppressing(RedisError, OSError):
            await self._redis.hdel(REPORTS, self._key)

    def _take(self, orders: object) -> None:
        for entry_id, fields in entries(orders):
            self._heard = f"({entry_id}"
            try:
                given = IssuedOrder.entry(text(entry_id), fields)
                self.member.take([given])
                if self._on_order is not None:
                    self._on_order(given)
            except ValueError as error:
                logs.warning(Action.ORDER_UNREADABLE, entry=entry_id, error=str(error))
