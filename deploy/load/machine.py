"""Machine: describes the machine of a measurement in a few words, and measures how much of its processors was used."""

import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path


def describe() -> dict[str, str]:
    """Describe the machine for pages: results from different machines cannot be compared."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "CPU": cpu,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory) / 1024 / 1024:.1f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "load before": f"{os.getloadavg()[2]:.2f}",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process with all its threads, or 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def machine_cpu_s() -> float:
    """Return the processor seconds of the whole machine, interrupts included."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S


class Watch:
    """Measures the cores that each process and the whole machine have used since its creation."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._began = time.monotonic()
        self._before = {name: cpu_s(pid) for name, pid in pids.items()}
        self._machine = machine_cpu_s()

    def shares(self) -> dict[str, float]:
        """Return name -> cores, with the total under `machine`."""
        took_s = max(time.monotonic() - self._began, 1 / _TICKS_PER_S)
        used = {name: max(0.0, cpu_s(pid) - self._before[name]) / took_s for name, pid in self._pids.items()}
        return used | {"machine": (machine_cpu_s() - self._machine) / took_s}
