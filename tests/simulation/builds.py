"""Builds: simulates a process of an older build. It reports another build, and does not know one command. Entries with
that command wait for a writer that knows it, and apis do not queue it while such a writer runs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from holdfast.services.writer import settle, unknown
from holdfast.shared.queue import codec, presence
from holdfast.shared.queue.build import build
from holdfast.shared.queue.knowledge import Knowledge, own
from holdfast.shared.queue.payloads import Payload, payloads
from tests.simulation.loop import SimulatedLoop

#: The command that the older build does not know yet.
_LATER = "ReplaceUser"


def substitutes(loop: SimulatedLoop) -> Iterator[tuple[Any, str, Any]]:
    """Yield (target, name, replacement) for everything that differs between builds."""

    def known() -> Mapping[bytes, Payload]:
        if not loop.process.older:
            return payloads()
        return {label: each for label, each in payloads().items() if label != _LATER.encode()}

    def its_own() -> Knowledge:
        if not loop.process.older:
            return own()
        return replace(own(), commands={label: each for label, each in own().commands.items() if label != _LATER})

    def its_build() -> str:
        return f"older-{build()}" if loop.process.older else build()

    yield codec, "payloads", known
    yield presence, "own", its_own
    for module in (codec, presence, settle, unknown):
        yield module, "build", its_build
