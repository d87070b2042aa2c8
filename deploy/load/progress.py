"""Progress: prints one line per second during a run."""

import sys
import time
from collections import Counter

from deploy.client.generator import Run
from deploy.client.open_loop import now
from deploy.client.outcome import Outcome
from deploy.client.samples import percentiles_of

#: Short names of the outcomes, in order.
SHORT = ("good", "degr", "rej", "fail", "ind", "none")
_HEAD = f"    s      /s  {' '.join(f'{word:>5}' for word in SHORT)}    p50 ms    p99 ms in flight"
_HEAD_EVERY = 20


class Progress:
    """Prints progress. It is called with the run every second."""

    def __init__(self) -> None:
        self._seen = 0
        self._at = time.monotonic()
        self._lines = 0

    def __call__(self, run: Run) -> None:
        """Print what came back since the last call."""
        samples, at = list(run.samples.since(self._seen)), time.monotonic()
        self._seen += len(samples)
        per_s, self._at = len(samples) / (at - self._at), at
        counts = Counter(sample.outcome for sample in samples)
        latency = percentiles_of(sample.latency_s for sample in samples)
        p50, p99 = (f"{latency.p50:9.1f} {latency.p99:9.1f}" if latency else "        –         –").split()
        if self._lines % _HEAD_EVERY == 0:
            log(_HEAD)
        self._lines += 1
        shown = " ".join(f"{counts[outcome]:5d}" for outcome in Outcome)
        fault = next((phase.fault for phase in reversed(run.phases) if phase.begin <= now() < phase.end), "")
        mark = f"   << {fault}" if fault else ""
        log(f"{now() - run.began:5.0f} {per_s:7,.0f}  {shown} {p50:>9} {p99:>9} {run.loop.in_flight:9d}{mark}")


def log(line: str) -> None:
    """Print to the terminal, not into the report."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
