"""Refresh: keeps copies up to date in the background. Offered copies are put into the cache a moment later, many at
once. Copies that the cache does not take are put again; if too many wait, the oldest are dropped."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from holdfast.shared.cache.copies import Copies
from holdfast.shared.cache.form import Copy
from holdfast.shared.telemetry import metrics

_EVERY_S = 0.05
_AGAIN_S = 1.0
_AT_ONCE = 500
_WAITING_MAX = 10_000

#: The share of healthy reads that also read the copy, so that the fallback path is exercised every day.
_CHECKED_SHARE = 0.01


class Refresher:
    """`offer` and `renew` queue copies of what was read or written; `run` takes them to the cache."""

    def __init__(self, copies: Copies, soft_s: float) -> None:
        self._copies = copies
        self._soft_s = soft_s
        self._waiting: OrderedDict[str, Copy] = OrderedDict()
        self._to_check: dict[str, Copy] = {}
        self._something = asyncio.Event()

    def offer(self, copies: Iterable[tuple[str, Copy]]) -> None:
        """Queue copies of what was read. A sample is compared with the copies in the cache."""
        fresh = list(copies)
        for name, copy in fresh:
            if random.random() < _CHECKED_SHARE:  # noqa: S311 - a sample, not a secret
                self._to_check.setdefault(name, copy)
                self._something.set()
        self.renew(fresh)

    def renew(self, copies: Iterable[tuple[str, Copy]]) -> None:
        """Queue copies of what was written, except those for which the cache has an equally good copy."""
        for name, copy in copies:
            if not self._copies.has_as_good(name, copy, self._soft_s):
                self._waiting[name] = copy
                self._waiting.move_to_end(name)
                self._copies.remember(name, copy)  # at once: the outage may begin before the cache has it
                self._something.set()
        self._drop_oldest()

    async def run(self) -> None:
        """Put queued copies into the cache until cancelled."""
        while True:
            if not self._waiting and not self._to_check:
                self._something.clear()
                await self._something.wait()
            await asyncio.sleep(_EVERY_S)
            checks, self._to_check = self._to_check, {}
            if checks:
                await self._check(list(checks.items())[:_AT_ONCE])
            while self._waiting:
                batch = [self._waiting.popitem(last=False) for _ in range(min(_AT_ONCE, len(self._waiting)))]
                if not await self._copies.put(batch):
                    self._wait_again(batch)
                    await asyncio.sleep(_AGAIN_S)
                    break

    def _wait_again(self, batch: Sequence[tuple[str, Copy]]) -> None:
        """Queue a failed batch again, as the oldest entries, without replacing newer offers. The batch must not be
        dropped: this process remembers these copies, so no later offer of the same state would reach the cache."""
        for name, copy in reversed(batch):
            if name not in self._waiting:
                self._waiting[name] = copy
                self._waiting.move_to_end(name, last=False)
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > _WAITING_MAX:
            self._waiting.popitem(last=False)

    async def _check(self, checks: Sequence[tuple[str, Copy]]) -> None:
        copies = await self._copies.several([name for name, _ in checks])
        for (_, fresh), copy in zip(checks, copies, strict=True):
            match = "missing" if copy is None else "same" if copy.content == fresh.content else "behind"
            metrics.fallback_checked.labels(match).inc()
