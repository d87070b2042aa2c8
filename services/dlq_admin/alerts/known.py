"""Known alerts: those that fire, as far as they were reported lately."""

from collections.abc import Iterable
from typing import NamedTuple

from holdfast.services.dlq_admin.alerts.notice import Notice

WATCHDOG = "HoldfastWatchdog"
_MOST = 500


class Watch(NamedTuple):
    """The alert that always fires. `received_s` None: it was never received."""

    received_s: float | None
    alive: bool


class KnownAlerts:
    """`silence_s`: an alert that was not repeated for so long is over. One that was resolved is remembered for as long,
    so that an older notice of another replica does not bring it back."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._notices: dict[str, Notice] = {}
        self._watchdog_s: float | None = None
        #: How many there were besides those that are kept, and when.
        self._more, self._more_s = 0, 0.0

    def take(self, notices: Iterable[Notice]) -> list[Notice]:
        """The newest notice of each alert counts; returns the alerts that began or ceased to fire."""
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
        """Remove what is too old and, above the limit, what matters least."""
        kept = [each for each in self._notices.values() if now_s - each.received_s <= self._silence_s]
        kept.sort(key=_matters)
        self._notices = {each.fingerprint: each for each in kept[:_MOST]}
        if more := sum(each.firing for each in kept[_MOST:]):
            self.leave_out(more, now_s)

    def leave_out(self, count: int, now_s: float) -> None:
        """`count` more alerts fire than are listed."""
        self._more, self._more_s = count, now_s

    def left_out(self, now_s: float) -> int:
        """How many more fire, as of their last post."""
        return self._more if now_s - self._more_s <= self._silence_s else 0

    def kept(self, notices: Iterable[Notice]) -> list[Notice]:
        """Those that are the newest notice of their alert."""
        return [each for each in notices if self._notices.get(each.fingerprint) == each]

    def firing(self, now_s: float) -> list[Notice]:
        """The worst first. The watchdog is not among them."""
        self.forget(now_s)
        return [each for each in sorted(self._notices.values(), key=_matters) if each.firing and each.name != WATCHDOG]

    def watch(self, now_s: float) -> Watch:
        """The watchdog: whether alerting works."""
        received_s = self._watchdog_s
        return Watch(received_s, received_s is not None and now_s - received_s <= self._silence_s)


def _matters(notice: Notice) -> tuple[bool, bool, tuple[int, float]]:
    """The watchdog before all, then what fires."""
    return notice.name != WATCHDOG, not notice.firing, notice.rank
