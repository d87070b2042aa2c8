"""`/alerts`: what fires now. Alertmanager posts it here; every replica knows it, and a restarted one soon does.

| key               | type | holds                                    |
|-------------------|------|------------------------------------------|
| `holdfast:alerts` | hash | fingerprint -> the newest word on it     |

It lies in the cache Redis. While that is away, each replica knows what it was told itself.
"""

import asyncio
import time
from collections.abc import Iterable

import orjson
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.alerts.known import WATCHDOG, Heard, Watch
from holdfast.services.dlq_admin.alerts.models import AlertReport, FiringAlert, Watchdog
from holdfast.services.dlq_admin.alerts.notice import Notice, Posted
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

KEY = "holdfast:alerts"
_KEPT_S = 86_400
_EVERY_S = 2.0
#: What two replicas' clocks may differ by.
_AHEAD_S = 60.0
_NOTICE = TypeAdapter(Notice)
#: A storm of alerts is not to be one of log lines.
_LOGGED_MOST = 20


class Alerts:
    """All that this replica has heard of."""

    def __init__(self, cache: Redis, silence_s: float) -> None:
        self._cache = cache
        self._heard = Heard(silence_s)
        self._reading, self._telling = FailureReporter("alerts"), FailureReporter("alerts_told")

    async def run(self) -> None:
        """For ever: hear what other replicas were told."""
        while True:
            with self._reading.suppressing(RedisError, OSError):
                await self.read()
            await asyncio.sleep(_EVERY_S)

    async def take(self, posted: Posted) -> int:
        """Returns how many moved: fire and did not, or no longer do."""
        now_s = time.time()
        notices = [Notice.of(alert, now_s) for alert in posted.alerts]
        moved = self._heard.take(notices)
        if posted.truncated:
            self._heard.leave_out(posted.truncated, now_s)
        self._heard.forget(now_s)
        for each in moved[:_LOGGED_MOST]:
            action = Action.ALERT_FIRED if each.firing else Action.ALERT_OVER
            logs.info(action, alert=each.name, severity=each.severity, fingerprint=each.fingerprint)
        with self._telling.suppressing(RedisError, OSError):
            await self._tell(self._heard.kept(notices))
        return len(moved)

    def firing(self) -> list[Notice]:
        """The worst first."""
        return self._heard.firing(time.time())

    @property
    def left_out(self) -> int:
        """How many more there are than are kept."""
        return self._heard.left_out(time.time())

    def watch(self) -> Watch:
        """Whether alerts would reach us."""
        return self._heard.watch(time.time())

    def report(self) -> AlertReport:
        """What fires now, and whether alerting works."""
        watch = self.watch()
        return AlertReport(
            alerts=[_firing(each) for each in self.firing()],
            left_out=self.left_out,
            watchdog=Watchdog(alive=watch.alive if watch.heard_s is not None else None, heard_at=watch.heard_s),
        )

    async def _tell(self, notices: Iterable[Notice]) -> None:
        words = {each.fingerprint: orjson.dumps(each._asdict()) for each in notices}
        if words:
            pipeline = self._cache.pipeline(transaction=False)
            pipeline.hset(KEY, mapping=words)  # type: ignore[arg-type]  # bytes are values
            pipeline.expire(KEY, _KEPT_S)
            await pipeline.execute()

    async def read(self) -> None:
        """What others were told. Raises RedisError, OSError."""
        told = await self._cache.hgetall(KEY)
        now_s, known, over = time.time(), [], list[bytes | str]()
        for field, word in told.items():
            try:
                notice = _NOTICE.validate_json(word)
            except ValueError:
                over.append(field)  # of another build, or of nobody
                continue
            if notice.heard_s > now_s + _AHEAD_S:  # it would count for ever
                over.append(field)
            else:
                known.append(notice)
        self._heard.take(known)
        self._heard.forget(now_s)
        kept = {each.fingerprint for each in self._heard.kept(known)}
        over += [each.fingerprint.encode() for each in known if each.fingerprint not in kept and each.name != WATCHDOG]
        if over:
            await self._cache.hdel(KEY, *over)


def _firing(notice: Notice) -> FiringAlert:
    return FiringAlert.from_source(
        notice,
        runbook_url=notice.runbook,
        dashboard_url=notice.dashboard,
        since=notice.since_s or None,
        heard_at=notice.heard_s,
    )
