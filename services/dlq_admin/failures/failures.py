"""Failures: merges the groups of all replicas."""

import time
from collections.abc import Iterable, Iterator

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.failures.beginnings import (
    Beginning,
    near,
    of_breakers,
    of_replicas,
    of_settings,
    unix,
)
from holdfast.services.dlq_admin.failures.models import Began, FailureGroup, FailureReport
from holdfast.services.dlq_admin.failures.trend import per_min, trend, window
from holdfast.services.dlq_admin.faults.board import FaultBoard
from holdfast.shared.errors import ExplanationsUnavailable
from holdfast.shared.fleet.board import Board
from holdfast.shared.http.failures.group import Group, Kind, Trouble, together
from holdfast.shared.http.failures.published import Reported, reported
from holdfast.shared.http.failures.sketch import estimate
from holdfast.shared.queue.names import PROXY_CONFIG_CHANGES
from holdfast.shared.resilience.failure_reporter import FailureReporter

_GROUPS_SHOWN = 200
_CHANGES_READ = 20


class Failures:
    """Reads the cache Redis, in which every replica keeps its groups. `queue` has external_proxy's changes."""

    def __init__(
        self, cache: Redis, queue: Redis, board: Board, faults: FaultBoard, alerts: Alerts, *, explain_keep_s: float
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._board = board
        self._faults = faults
        self._alerts = alerts
        self._explain_keep_s = explain_keep_s
        self._reporter = FailureReporter("failures_read")
        self._settings_reporter = FailureReporter("settings_read")

    async def report(
        self, minutes: int, *, route: str | None = None, code: str | None = None, mistakes: bool = False
    ) -> FailureReport:
        """Return the groups with an answer in the last `minutes`, with callers' own mistakes only if `mistakes` is set.
        Raises ExplanationsUnavailable while the cache is down."""
        now_s = time.time()
        try:
            with self._reporter:
                reports = await reported(self._cache, now_s)
        except (RedisError, OSError) as error:
            raise ExplanationsUnavailable() from error
        beginnings = [
            *of_breakers(self._board.roster.shown(time.monotonic())),
            *of_replicas(reports),
            *of_settings(await self._settings()),
            *self._others(),
        ]
        groups = [
            _group(kind, group, minutes, now_s, beginnings, now_s - group.last_s < self._explain_keep_s)
            for kind, group in _merged(reports).items()
            if (mistakes or kind.trouble is not Trouble.MISTAKE)
            and route in (None, kind.route)
            and code in (None, kind.code)
            and any(window(group.minutes, minutes, now_s))
        ]
        groups.sort(key=lambda each: (-each.count, each.route, each.code))
        return FailureReport(
            groups=groups[:_GROUPS_SHOWN],
            minutes=minutes,
            replicas=sorted(f"{each.service}/{each.instance}" for each in reports),
            left_out=sum(each.left_out for each in reports),
        )

    async def _settings(self) -> list[bytes | str]:
        """Return external_proxy's changes, or none while the queue is down: the report is useful without them."""
        try:
            with self._settings_reporter:
                return await self._queue.lrange(PROXY_CONFIG_CHANGES, 0, _CHANGES_READ - 1)
        except (RedisError, OSError):
            return []

    def _others(self) -> Iterator[Beginning]:
        for fault in self._faults.report().faults:
            yield Beginning("fault", f"{fault.fault} on {fault.target}", unix(fault.began_at))
        for notice in self._alerts.began():
            if notice.since_s:
                yield Beginning("alert", notice.name, notice.since_s)


def _merged(reports: Iterable[Reported]) -> dict[Kind, Group]:
    parts: dict[Kind, list[Group]] = {}
    for report in reports:
        for kind, group in report.groups.items():
            parts.setdefault(kind, []).append(group)
    return {kind: together(groups) for kind, groups in parts.items()}


def _group(
    kind: Kind, group: Group, minutes: int, now_s: float, beginnings: list[Beginning], explained: bool
) -> FailureGroup:
    counts = window(group.minutes, minutes, now_s)
    return FailureGroup(
        **kind._asdict(),
        count=sum(counts),
        per_min=per_min(group.minutes, now_s),
        trend=trend(group, now_s),
        minutes=counts,
        first_at=group.first_s,
        last_at=group.last_s,
        began_at=group.began_s,
        clients=estimate(group.clients),
        retried=group.retried,
        helped=group.helped,
        samples=group.samples[::-1],
        explained=explained,
        began_with=[
            Began(kind=each.kind, what=each.what, at=each.at_s, before_s=round(group.began_s - each.at_s, 1))
            for each in near(group.began_s, beginnings)
        ],
    )
