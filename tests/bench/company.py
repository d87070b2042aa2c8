"""Company: the processor time that other processes used during a measurement. If it is more than a little, the numbers
are unreliable."""

import time
from collections.abc import Sequence

from deploy.load.machine import cpu_s, machine_cpu_s
from tests.bench.process import ended_children_cpu_s

#: Cores that other processes may use on average.
MOST_CORES = 0.15


class Company:
    """Measures what other processes use. Call `cores` when every process started since has ended, except the servers
    `pids`."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._began = time.monotonic()
        self._others_s = self._now()

    def cores(self) -> float:
        """Return the cores that other processes used, on average."""
        return max(0.0, (self._now() - self._others_s) / (time.monotonic() - self._began))

    def _now(self) -> float:
        return machine_cpu_s() - ended_children_cpu_s() - time.process_time() - sum(map(cpu_s, self._pids))
