"""`python -m tests.bench.loop_trace FILE MODULE`: runs a service that reports when its event loop stalled, and why.

A beat runs in the loop every few milliseconds. While the beat is late, a thread samples what the loop is doing. The
time of the garbage collector is measured too, and the processor time of the loop's thread. Each stall is a line of JSON
in FILE.
"""

import asyncio
import gc
import json
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Never, TextIO

from holdfast.shared.telemetry import loop_lag
from tests.bench.stalls import LONG_MS, Stall

_BEAT_S, _LOOK_S, _LATE_S = 0.004, 0.002, 0.005


class Tracer:
    """Traces one event loop, in which `run` has to be called."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._due = float("inf")
        self._collected_s = self._collecting_since = 0.0
        self._seen: Counter[str] = Counter()

    async def run(self) -> Never:
        """Trace until cancelled."""
        thread = threading.get_ident()
        threading.Thread(target=self._look, args=(thread,), name="loop trace", daemon=True).start()
        gc.callbacks.append(self._collecting)
        while True:
            worked_s, collected_s = time.thread_time(), self._collected_s
            self._due = time.perf_counter() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            late_ms = (time.perf_counter() - self._due) * 1000
            self._due = float("inf")
            if late_ms > LONG_MS:
                where = self._seen.most_common(1)[0][0] if self._seen else ""
                worked_ms = (time.thread_time() - worked_s) * 1000
                stall = Stall(time.time(), late_ms, worked_ms, (self._collected_s - collected_s) * 1000, where)
                self._out.write(json.dumps(stall) + "\n")
                self._out.flush()
            self._seen.clear()

    def _look(self, thread: int) -> Never:
        while True:
            time.sleep(_LOOK_S)
            if time.perf_counter() > self._due + _LATE_S:
                self._seen[_place(sys._current_frames().get(thread))] += 1

    def _collecting(self, phase: str, _about: object) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting_since = now
        else:
            self._collected_s += now - self._collecting_since


def _place(frame: FrameType | None) -> str:
    """Return the innermost frame of our own code, else the innermost frame."""
    first = frame
    while frame is not None and "/holdfast/" not in frame.f_code.co_filename:
        frame = frame.f_back
    frame = frame or first
    if frame is None:
        return ""
    return f"{frame.f_code.co_filename.rpartition('/holdfast/')[2]}:{frame.f_lineno} {frame.f_code.co_name}"


def main(arguments: Sequence[str]) -> None:
    """Run the module with a tracer beside the loop's own measurement of its lag."""
    file, module = arguments
    measured = loop_lag.watch

    async def watch(on_sample: Callable[[float], object] = lambda _: None) -> Never:
        with Path(file).open("a") as out:
            tracing = asyncio.create_task(Tracer(out).run())
            try:
                await measured(on_sample)
            finally:
                tracing.cancel()

    loop_lag.watch = watch
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
