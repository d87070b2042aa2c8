"""Scrape: writes the metrics as text, some samples at a time. All at once they would block the event loop for as long
as fifty requests take."""

import asyncio
import copy
from collections.abc import Callable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

_END = b"# EOF\n"
_SAMPLES = 200


class _Alone(CollectorRegistry):
    """A registry with one family."""

    def __init__(self, family: Metric) -> None:
        super().__init__()
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """Yield the family."""
        yield self._family


class Scraper:
    """Produces one text at a time per format. Concurrent requests share it."""

    def __init__(self, before: Callable[[], object]) -> None:
        """Create a scraper. `before` is called before each scrape, for metrics that change only when their object is
        read."""
        self._before = before
        self._making: dict[str, asyncio.Task[tuple[bytes, str]]] = {}

    async def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return (text, media type), in the format that `accept` asks for."""
        _, media_type = choose_encoder(accept)
        making = self._making.get(media_type)
        if making is None:
            self._before()
            making = self._making[media_type] = asyncio.create_task(scrape(accept))
            making.add_done_callback(lambda _: self._making.pop(media_type))
        return await asyncio.shield(making)  # a client that disconnects must not cancel it for the others


async def scrape(accept: str) -> tuple[bytes, str]:
    """Return (text, media type), in the format that `accept` asks for. Only OpenMetrics has exemplars."""
    encode, media_type = choose_encoder(accept)
    pieces = []
    ends = False
    for family in REGISTRY.collect():
        for first in range(0, max(1, len(family.samples)), _SAMPLES):
            part = copy.copy(family)
            part.samples = family.samples[first : first + _SAMPLES]
            piece = encode(_Alone(part))
            ends = piece.endswith(_END)
            pieces.append(piece.removesuffix(_END) if first == 0 else _without_head(piece.removesuffix(_END)))
            await asyncio.sleep(0)
    return b"".join([*pieces, _END]) if ends else b"".join(pieces), media_type


def _without_head(piece: bytes) -> bytes:
    """Return the samples only, because HELP and TYPE are written once per family."""
    while piece.startswith(b"# "):
        piece = piece.partition(b"\n")[2]
    return piece
