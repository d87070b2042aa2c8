"""WrongKeyLimit: how often an address may be wrong about a key. Pure but for what it remembers."""

from collections import OrderedDict
from math import ceil

_REMEMBERED = 10_000


class WrongKeyLimit:
    """`most` wrong keys at once from one address, then one more every `refill_s` seconds."""

    def __init__(self, *, most: int = 10, refill_s: float = 30) -> None:
        self._most = most
        self._refill_s = refill_s
        #: Address -> when its last wrong key would be forgotten.
        self._owed_until: OrderedDict[str, float] = OrderedDict()

    def wrong(self, address: str, now: float) -> int:
        """One more wrong key: 0, or the seconds to wait because it was one too many. What is refused does not count,
        so the wait does not grow with the asking."""
        owed_s = max(0.0, self._owed_until.get(address, now) - now)
        wait_s = max(0, ceil(owed_s - (self._most - 1) * self._refill_s))
        if not wait_s:
            self._owed_until[address] = now + owed_s + self._refill_s
            self._owed_until.move_to_end(address)
            while len(self._owed_until) > _REMEMBERED:
                self._owed_until.popitem(last=False)
        return wait_s
