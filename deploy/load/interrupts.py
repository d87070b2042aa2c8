"""Interrupts: a run that is cut short still mends what it broke and writes its report."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.client.generator import Generator
from deploy.client.open_loop import now
from deploy.load.progress import log
from deploy.local.postpone import ENDING


@contextmanager
def reported(generator: Generator, stop: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Let Ctrl-C, `kill` and a closed terminal end the run early. `stop` ends other work. A second signal ends
    everything."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        log("Interrupted: the report follows when the last response is in; Ctrl-C again ends everything")
        _remove(loop)
        generator.run.interrupted = True
        if generator.run.phases:
            generator.run.phases[-1].end = now()
        generator.stop()
        stop()

    for number in ENDING:
        loop.add_signal_handler(number, interrupted)
    try:
        yield
    finally:
        _remove(loop)


def _remove(loop: asyncio.AbstractEventLoop) -> None:
    for number in ENDING:
        loop.remove_signal_handler(number)
