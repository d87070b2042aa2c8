"""Known alerts: the newest notice of each alert, kept while the alert is repeated."""

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.services.dlq_admin.alerts.notice import Notice
from holdfast.shared.runtime.time_budgets import FAILURES_KEPT_S

WATCHDOG = "HoldfastWatchdog"
_MOST = 500


class Watch(NamedTuple):
    """The state of the watchdog alert, which always fires. `received_s` is None if no watchdog was ever received."""

    received_s: float | None
    alive: bool


class KnownAlerts:
    """The newest notices by alert. `silence_s`: an alert that was not repeated for this long is over. A resolved alert
    is remembered for at least as long, so that an older notice from another replica does not revive the alert, and for
    as long as failures that began with it are shown."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._resolved_kept_s = max(silence_s, FAILURES_KEPT_S)
        self._notices: dict[str, Notice] = {}
        self._watchdog_s: float | None = None
        #: How many alerts fire besides those that are kept, and when that was reported.
        self._more, self._more_s = 0, 0.0

    def take(self, notices: Iterable[Notice]) -> list[Notice]:
        """Keep the newest notice of each alert, and return the notices of alerts that began or ceased to fire."""
        moved = []
        for notice in notices:
            if notice.name == WATCHDOG and notice.firing:
                self._watchdog_s = max(notice.received_s, self._watchdog_s or 0)
            before = self._notices.get(notice.fingerprint)
            if before is not None and before.received_s > notice.received_s:
                continue
            self._notices[notice.fingerprint] = notice
            if notice.firing != (before is not None and before.firing):
                moved.append(notice)
        return moved

    def forget(self, now_s: float) -> None:
        """Remove notices that are too old and, above the limit, the least important ones."""
        kept = [
            each
            for each in self._notices.values()
            if now_s - each.received_s <= (self._silence_s if each.firing else self._resolved_kept_s)
        ]
        kept.sort(key=_matters)
        self._notices = {each.fingerprint: each for each in kept[:_MOST]}
        if more := sum(each.firing for each in kept[_MOST:]):
            self.leave_out(more, now_s)

    def leave_out(self, count: int, now_s: float) -> None:
        """Record that `count` more alerts fire than are listed."""
        self._more, self._more_s = count, now_s

    def left_out(self, now_s: float) -> int:
        """Return how many more alerts fire than are listed, or 0 if that was reported too long ago."""
        return self._more if now_s - self._more_s <= self._silence_s else 0

    def kept(self, notices: Iterable[Notice]) -> list[Notice]:
        """Return those of `notices` that are the newest notice of their alert."""
        return [each for each in notices if self._notices.get(each.fingerprint) == each]

    def firing(self, now_s: float) -> list[Notice]:
        """Return the notices of the firing alerts without the watchdog, worst first."""
        return [each for each in self.began(now_s) if each.firing]

    def began(self, now_s: float) -> list[Notice]:
        """Return the notices of the firing alerts and of those that were resolved, without the watchdog, worst first,
        the firing ones before the others."""
        self.forget(now_s)
        return [each for each in sorted(self._notices.values(), key=_matters) if each.name != WATCHDOG]

    def watch(self, now_s: float) -> Watch:
        """Return the state of the watchdog, which shows whether alerting works."""
        received_s = self._watchdog_s
        return Watch(received_s, received_s is not None and now_s - received_s <= self._silence_s)


def _matters(notice: Notice) -> tuple[bool, bool, tuple[int, float]]:
    """Return a sort key: first the watchdog, then firing alerts, the worst first."""
    return notice.name != WATCHDOG, not notice.firing, notice.rank
