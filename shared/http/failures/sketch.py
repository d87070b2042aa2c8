"""Sketch: estimates the number of distinct clients, in bounded memory and without their names. Pure.

The smallest hashes seen are kept. Below `_KEPT` clients the count is exact; from there on it is an estimate with a
standard error of about 13 %. Sketches of several processes can be merged if their hashes have the same key.
"""

from collections.abc import Iterable
from hashlib import blake2b

_KEPT = 64
_BITS = 32
_RANGE = float(2**_BITS)


def hashed(client: str, key: bytes) -> int:
    """Return a number that does not identify the client without the key."""
    return int.from_bytes(blake2b(client.encode(errors="surrogatepass"), digest_size=_BITS // 8, key=key).digest())


def with_one(sketch: list[int], one: int) -> list[int]:
    """Return the sketch with one more client."""
    if one in sketch or (len(sketch) >= _KEPT and one > sketch[-1]):
        return sketch
    return sorted([*sketch, one])[:_KEPT]


def merged(sketches: Iterable[Iterable[int]]) -> list[int]:
    """Return the union of several processes' sketches."""
    return sorted({one for sketch in sketches for one in sketch})[:_KEPT]


def estimate(sketch: list[int]) -> int:
    """Return the number of clients."""
    return len(sketch) if len(sketch) < _KEPT else round((_KEPT - 1) * _RANGE / max(1, sketch[-1]))
