"""`python -m tests.bench.memory`: what each service holds in memory at rest, ten seconds after its start.

RSS is what `ps` and `docker stats` show of one process: pages of libraries that others have mapped too are counted in
each. PSS shares them out, so the sum over all is what the machine has given. The aim is about RSS.
"""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench import machine, page
from tests.bench.process import ROOT, Process
from tests.bench.stage import Stage, stage
from tests.bench.table import Part, Row
from tests.bench.verdict import met
from tests.servers import free_port

AIM_MB = 70
_REST_S = 10.0
#: The setting with the port of each; in the order of the table.
_SERVICES = {"api": "API", "writer": "WRITER", "external_proxy": "PROXY", "dlq_admin": "DLQ"}


class Held(NamedTuple):
    """Megabytes of one process."""

    rss: float
    pss: float
    private: float


def measure(stores: Stage, folder: Path) -> dict[str, Held]:
    """All services run, as on one machine."""
    with ExitStack() as stack:
        running = {}
        for service, prefix in _SERVICES.items():
            port = free_port()
            own = {
                f"HOLDFAST_{prefix}_PORT": str(port),
                "HOLDFAST_INSTANCE": f"{service}-memory",
                "HOLDFAST_PROXY_THIRD_PARTY_URL": f"http://127.0.0.1:{free_port()}",
            }
            process = Process(
                ["-m", f"holdfast.services.{service}"], stores.environment | own, folder / f"{service}.log"
            )
            stack.callback(process.stop)
            process.start().wait_for_port(port)
            running[service] = process
        time.sleep(_REST_S)
        return {service: held(process.pid) for service, process in running.items()}


def held(pid: int) -> Held:
    """What the kernel says of a process."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name.rstrip(":")] = int(size) / 1024
    return Held(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def main() -> None:
    """Exit code 0, whatever the verdicts."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / ".local" / "bench" / "memory.md")
    options = parser.parse_args()
    on = machine.describe(range(1))
    with stage() as stores:
        rounds = [measure(stores, stores.folder) for _ in range(options.rounds)]
    table, verdicts = [], []
    for what in Held._fields:
        rows = [Row(service, [getattr(each[service], what) for each in rounds], "MB") for service in _SERVICES]
        table.append(Part({"rss": "RSS", "pss": "PSS", "private": "Private to the process"}[what], rows))
    for row in table[0].rows:
        most = max(row.values)
        verdicts.append(f"{row.what}, RSS at rest: {most:.0f} MB; aim {AIM_MB} MB: {met(most <= AIM_MB)}")
    how = [(__doc__ or "").split("\n\n")[1].replace("\n", " ")]
    raw = {"rounds": [{service: each[service]._asdict() for service in each} for each in rounds]}
    page.write(options.out, "Memory at rest", table, verdicts, on, how, "python -m tests.bench.memory", raw)
    print("\n".join(verdicts))  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
