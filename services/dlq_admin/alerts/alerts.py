"""`/alerts`: the alerts that fire now. Alertmanager posts them to one replica, and the others read them from the cache
Redis, as does a restarted replica.

| key               | type | holds                                    |
|-------------------|------|------------------------------------------|
| `holdfast:alerts` | hash | fingerprint -> its newest notice         |

While the cache Redis is down, each replica knows only what was posted to that replica.
"""

import asyncio
import time
from collections.abc import Iterable

import orjson
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.alerts.known import WATCHDOG, KnownAlerts, Watch
from holdfast.services.dlq_admin.alerts.notice import Notice, Posted
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action


class FiringAlert(ResponseModel):
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    description: str
    runbook_url: str
    dashboard_url: str
    labels: dict[str, str]
    since: Moment | None
    received_at: Moment
    fingerprint: str


class Watchdog(ResponseModel):
    """The alert that always fires. `alive` is null if no watchdog was ever received."""

    alive: bool | None
    received_at: Moment | None


class AlertReport(ResponseModel):
    """The alerts that fire now, worst first. `left_out`: number of firing alerts that are not listed."""

    alerts: list[FiringAlert]
    left_out: Count
    watchdog: Watchdog


class AlertsTaken(ResponseModel):
    """The result of a post. `moved`: number of alerts that began or ceased to fire."""

    moved: Count


KEY = "holdfast:alerts"
_KEPT_S = 86_400
_EVERY_S = 2.0
#: Largest difference between the clocks of two replicas.
_AHEAD_S = 60.0
_NOTICE = TypeAdapter(Notice)
#: Most log lines per post: a storm of alerts must not flood the log.
_LOGGED_MOST = 20


class Alerts:
    """The alerts that this replica knows."""

    def __init__(self, cache: Redis, silence_s: float) -> None:
        self._cache = cache
        self._known = KnownAlerts(silence_s)
        self._reading, self._sharing = FailureReporter("alerts"), FailureReporter("alerts_shared")

    async def run(self) -> None:
        """Read, until cancelled, what other replicas have received."""
        while True:
            with self._reading.suppressing(RedisError, OSError):
                await self.read()
            await asyncio.sleep(_EVERY_S)

    async def take(self, posted: Posted) -> int:
        """Take a post of Alertmanager and return how many alerts began or ceased to fire."""
        now_s = time.time()
        notices = [Notice.of(alert, now_s) for alert in posted.alerts]
        moved = self._known.take(notices)
        if posted.truncated:
            self._known.leave_out(posted.truncated, now_s)
        self._known.forget(now_s)
        for each in moved[:_LOGGED_MOST]:
            action = Action.ALERT_FIRED if each.firing else Action.ALERT_OVER
            logs.info(action, alert=each.name, severity=each.severity, fingerprint=each.fingerprint)
        with self._sharing.suppressing(RedisError, OSError):
            await self._share(self._known.kept(notices))
        return len(moved)

    def firing(self) -> list[Notice]:
        """Return the notices of the firing alerts, worst first."""
        return self._known.firing(time.time())

    def began(self) -> list[Notice]:
        """Return the notices of the alerts that fire, and of those that ended while failures from then are shown."""
        return self._known.began(time.time())

    @property
    def left_out(self) -> int:
        """The number of firing alerts that are not kept."""
        return self._known.left_out(time.time())

    def watch(self) -> Watch:
        """Return the state of the watchdog, which shows whether alerting works."""
        return self._known.watch(time.time())

    def report(self) -> AlertReport:
        """Return the firing alerts and whether alerting works."""
        watch = self.watch()
        return AlertReport(
            alerts=[_firing(each) for each in self.firing()],
            left_out=self.left_out,
            watchdog=Watchdog(
                alive=watch.alive if watch.received_s is not None else None, received_at=watch.received_s
            ),
        )

    async def _share(self, notices: Iterable[Notice]) -> None:
        words = {each.fingerprint: orjson.dumps(each._asdict()) for each in notices}
        if words:
            pipeline = self._cache.pipeline(transaction=False)
            pipeline.hset(KEY, mapping=words)  # type: ignore[arg-type]  # bytes are values
            pipeline.expire(KEY, _KEPT_S)
            await pipeline.execute()

    async def read(self) -> None:
        """Read what other replicas have received. Raises RedisError, OSError."""
        stored = await self._cache.hgetall(KEY)
        now_s, known, over = time.time(), [], list[bytes | str]()
        for field, word in stored.items():
            try:
                notice = _NOTICE.validate_json(word)
            except ValueError:
                over.append(field)  # written by another build, or unreadable
                continue
            if notice.received_s > now_s + _AHEAD_S:  # it would never grow old
                over.append(field)
            else:
                known.append(notice)
        self._known.take(known)
        self._known.forget(now_s)
        kept = {each.fingerprint for each in self._known.kept(known)}
        over += [each.fingerprint.encode() for each in known if each.fingerprint not in kept and each.name != WATCHDOG]
        if over:
            await self._cache.hdel(KEY, *over)


def _firing(notice: Notice) -> FiringAlert:
    return FiringAlert.from_source(
        notice,
        runbook_url=notice.runbook,
        dashboard_url=notice.dashboard,
        since=notice.since_s or None,
        received_at=notice.received_s,
    )
