"""Wrong keys: how many an address may send before it has to wait."""

from collections import OrderedDict
from math import ceil

_REMEMBERED = 10_000


class WrongKeyLimit:
    """A limit per address: `most` wrong keys at once, then one more every `refill_s` seconds."""

    def __init__(self, *, most: int = 10, refill_s: float = 30) -> None:
        self._most = most
        self._refill_s = refill_s
        #: Address -> when all of its wrong keys are forgiven.
        self._owed_until: OrderedDict[str, float] = OrderedDict()

    def wrong(self, address: str, now: float) -> int:
        """Count a wrong key. Returns 0, or the seconds to wait if it was one too many. A refused key is not counted, so
        that asking again does not extend the wait."""
        owed_s = max(0.0, self._owed_until.get(address, now) - now)
        wait_s = max(0, ceil(owed_s - (self._most - 1) * self._refill_s))
        if not wait_s:
            self._owed_until[address] = now + owed_s + self._refill_s
            self._owed_until.move_to_end(address)
            while len(self._owed_until) > _REMEMBERED:
                self._owed_until.popitem(last=False)
        return wait_s
