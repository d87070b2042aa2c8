"""Scrape: the metrics as text, some samples at a time. All at once they would hold the event loop, and every request,
for as long as fifty requests take."""

import asyncio
import copy
from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

_END = b"# EOF\n"
_SAMPLES = 200


class _Alone(CollectorRegistry):
    """One family, as a registry has it."""

    def __init__(self, family: Metric) -> None:
        super().__init__()
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """That one."""
        yield self._family


async def scrape(accept: str) -> tuple[bytes, str]:
    """(text, media type), in the form that `accept` asks for; exemplars are OpenMetrics' alone."""
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
    """Samples only: a family is introduced once."""
    while piece.startswith(b"# "):
        piece = piece.partition(b"\n")[2]
    return piece
