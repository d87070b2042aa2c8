"""Processor time of processes, from /proc."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """What a process has used, all its threads together; 0 of one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def machine_cpu_s() -> float:
    """What the whole machine has used, its own interrupts included."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


class Watch:
    """Cores that each process and the whole machine used since this was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._began = time.monotonic()
        self._before = {name: cpu_s(pid) for name, pid in pids.items()}
        self._machine = machine_cpu_s()

    def shares(self) -> dict[str, float]:
        """Name -> cores, and `machine`."""
        took_s = max(time.monotonic() - self._began, 1 / _TICKS_PER_S)
        used = {name: max(0.0, cpu_s(pid) - self._before[name]) / took_s for name, pid in self._pids.items()}
        return used | {"machine": (machine_cpu_s() - self._machine) / took_s}
