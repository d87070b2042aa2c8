"""Tries: how often somebody may be wrong about a key. Pure but for what it remembers."""

from collections import OrderedDict
from math import ceil

_REMEMBERED = 10_000


class Tries:
    """`most` wrong keys at once from one address, then one more every `refill_s` seconds."""

    def __init__(self, *, most: int = 10, refill_s: float = 30) -> None:
        self._most = most
        self._refill_s = refill_s
        #: Address -> when its last wrong key would be forgotten.
        self._owed_until: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str, now: float) -> int:
        """Seconds until the next try; 0: now."""
        owed_s = self._owed_until.get(address, now) - now
        return max(0, ceil(owed_s - (self._most - 1) * self._refill_s))

    def wrong(self, address: str, now: float) -> None:
        """One more."""
        self._owed_until[address] = max(self._owed_until.pop(address, now), now) + self._refill_s
        while len(self._owed_until) > _REMEMBERED:
            self._owed_until.popitem(last=False)
