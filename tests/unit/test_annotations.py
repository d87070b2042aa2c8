"""Annotations never fail and delay nothing, whatever Grafana does, even if its client is not installed."""

import asyncio
import importlib.util

import pytest

from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations
from holdfast.shared.telemetry.grafana.client import Grafana, GrafanaFailed, connect

_ANNOTATION = Annotation("replay:1", "Replay 1", ("replay",), 1.0, 2.0)


async def test_without_a_grafana_nothing_is_kept() -> None:
    """Without a Grafana, annotations are dropped instead of queued."""
    annotations = Annotations(None, timeout_s=1)
    for _ in range(1000):
        annotations.add(_ANNOTATION)
    assert annotations._waiting.empty()


async def test_what_fails_is_tried_again_and_then_left() -> None:
    """An annotation that cannot be sent is attempted a few times and then dropped, and the next one is sent all the
    same."""
    tries: list[int] = []

    def broken() -> Grafana:
        tries.append(1)
        raise GrafanaFailed("away")

    annotations = Annotations(broken, timeout_s=1, pause_s=0)
    task = asyncio.create_task(annotations.run())
    annotations.add(_ANNOTATION)
    annotations.add(_ANNOTATION)
    async with asyncio.timeout(60):
        while len(tries) < 6:
            await asyncio.sleep(0)
    assert not task.done()
    task.cancel()


@pytest.mark.skipif(importlib.util.find_spec("grafana_client") is not None, reason="here it is installed")
def test_without_its_client_it_says_so() -> None:
    """An image without the extra has no Grafana client, and connecting raises an error that names the extra."""
    with pytest.raises(GrafanaFailed, match="extra"):
        connect("http://127.0.0.1:1", "", 1)
