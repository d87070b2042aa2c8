"""A scrape that is rendered in pieces equals one rendered at once, and lets other tasks run in between."""

import asyncio

import pytest
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from holdfast.shared.http.scrape import Scraper, scrape
from holdfast.shared.telemetry import metrics

_OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.mark.parametrize("accept", ["text/plain", _OPEN_METRICS])
async def test_in_pieces_it_is_the_same(accept: str) -> None:
    """A scrape that is rendered in pieces is the same as one rendered at once, except for what the process itself
    counts meanwhile."""

    def steady(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if line.startswith((b"holdfast_", b"# "))]

    for route in range(40):  # more than one piece
        metrics.http_request_duration.labels(f"/{route}", "good").observe(0.1, {"trace_id": "a" * 32})
    whole, media_type = choose_encoder(accept)
    text, sent_type = await scrape(accept)
    assert sent_type == media_type
    assert steady(text) == steady(whole(REGISTRY))
    assert text.count(b"# EOF") == (accept == _OPEN_METRICS)


async def test_others_come_in_between() -> None:
    """The event loop turns many times while a scrape is rendered."""
    rounds = 0

    async def going_round() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(going_round())
    await scrape("")
    other.cancel()
    assert rounds > 20


async def test_who_asks_while_it_is_written_gets_the_same() -> None:
    """Fifty concurrent scrapes share one rendering, even if one of their clients disconnects, and the next scrape is
    new."""
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    scraper = Scraper(look)
    asking = [asyncio.create_task(scraper("text/plain")) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    texts = {(await each)[0] for each in asking[1:]}
    assert (len(texts), looks) == (1, 1)
    await asyncio.gather(scraper("text/plain"), scraper(_OPEN_METRICS))
    assert looks == 3
