"""Load: wrk, with as many requests as the server takes, and the processor time of each party."""

import json
import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.load.machine import cpu_s
from tests.bench.process import ended_children_cpu_s
from tests.servers import with_us

CONNECTIONS = 64
#: Scripts for wrk. Their arguments: a name for the round; a file of paths.
UNIQUE, PATHS = (Path(__file__).with_name(name) for name in ("unique.lua", "paths.lua"))
#: Above this share of a core, a party is the limit.
_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Load:
    """One round of wrk. Shares are of one core; `stores` is Redis and the database together."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    server_share: float
    stores_share: float
    generator_share: float

    @property
    def measured_something_else(self) -> bool:
        """Whether the core of wrk and the stores was full while the server's was not."""
        return self.server_share < _FULL < self.stores_share + self.generator_share


def missing() -> str:
    """Return why there is no load generator, or an empty string if there is one."""
    return "" if shutil.which("wrk") else "wrk is not installed (Debian: apt install wrk)"


def run(
    port: int,
    script: Path,
    argument: str,
    seconds: float,
    *,
    server: int,
    stores: Sequence[int],
    cores: Collection[int],
    connections: int = CONNECTIONS,
) -> Load:
    """Send the requests that `script` makes to `port` from `cores`. Raises RuntimeError if any request failed."""
    pids = [server, *stores]
    before = [ended_children_cpu_s(), *map(cpu_s, pids)]
    command = [
        *with_us(), "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s",
        "--timeout", "10s", "--script", str(script), f"http://127.0.0.1:{port}", "--", argument,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as wrk:
        os.sched_setaffinity(wrk.pid, cores)
        output, errors = wrk.communicate(timeout=seconds + 60)
    if wrk.returncode != 0:
        raise RuntimeError(f"wrk failed: {errors}")
    report = json.loads(output.strip().splitlines()[-1])
    if report["refused"] or report["broken"]:
        raise RuntimeError(f"{argument}: {report['refused']} requests refused, {report['broken']} broken")
    duration_s = report["duration_us"] / 1_000_000
    after = [ended_children_cpu_s(), *map(cpu_s, pids)]
    generator, served, *stored = [(now - then) / duration_s for now, then in zip(after, before, strict=True)]
    return Load(
        requests_per_s=report["requests"] / duration_s,
        p50_ms=report["p50_us"] / 1000,
        p99_ms=report["p99_us"] / 1000,
        server_share=served,
        stores_share=sum(stored),
        generator_share=generator,
    )
