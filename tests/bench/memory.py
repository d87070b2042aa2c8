"""`python -m tests.bench.memory`: what each service holds in memory at rest, ten seconds after its start.

RSS is what `ps` shows of one process: pages of libraries that others have mapped too are counted in each. PSS shares
them out, so the sum over all is what the machine has given. `docker stats` shows what is private to the container, and
the files that it was the first to read. The aim is about RSS. Then an interpreter that has imported only the packages
that a service has to use, the least that the service can take; and what each package adds to one that has those above
it in the list.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
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
#: The services and the prefixes of their settings, in the order of the table.
_SERVICES = {"api": "API", "writer": "WRITER", "external_proxy": "PROXY", "dlq_admin": "DLQ"}
_HTTP = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic_settings", "redis.asyncio", "structlog", "orjson")
_METRICS = ("prometheus_client", "circuitbreaker", "tenacity")
_DATABASE = ("sqlalchemy", "sqlalchemy.dialects.mysql.pymysql", "pymysql")
_PACKAGES = {
    "api": (*_HTTP, *_METRICS, *_DATABASE, "aiohttp"),
    "writer": (*_HTTP, *_METRICS, *_DATABASE, "faststream.redis"),
    "external_proxy": (*_HTTP, *_METRICS, "aiohttp"),
    "dlq_admin": (*_HTTP, *_METRICS, *_DATABASE, "aiohttp", "faststream.redis", "jinja2"),
}
#: Every package, each after those that it imports itself.
_ORDER = (
    "uvloop", "pydantic_settings", "redis.asyncio", "structlog", "uvicorn.protocols.http.httptools_impl", "fastapi",
    "prometheus_client", "sqlalchemy.dialects.mysql.pymysql", "aiohttp", "faststream.redis", "jinja2",
)  # fmt: skip
#: Omits what our services omit, imports its arguments, and waits for the end of its input.
_IMPORT = """
import importlib, sys
from holdfast.shared.runtime.left_out import leave_out, without_certificates
leave_out()
for name in sys.argv[1:]:
    with without_certificates():
        importlib.import_module(name)
print(flush=True)
sys.stdin.read()
"""


class Held(NamedTuple):
    """The memory of one process, in megabytes."""

    rss: float
    pss: float
    private: float


def measure(stores: Stage, folder: Path) -> dict[str, Held]:
    """Return the memory of each service while all run on one machine."""
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
    """Return the memory of a process as the kernel reports it."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name.rstrip(":")] = int(size) / 1024
    return Held(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"])


def alone(packages: Sequence[str]) -> Held:
    """Return the memory of an interpreter with these packages."""
    command = [sys.executable, "-c", _IMPORT, *packages]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return held(process.pid)


def added() -> list[Row]:
    """Return what each package adds to an interpreter."""
    sizes = [alone(_ORDER[:count]).rss for count in range(len(_ORDER) + 1)]
    more = [after - before for before, after in pairwise(sizes)]
    return [
        Row("Python itself", sizes[:1], "MB"),
        *(Row(name, [size], "MB") for name, size in zip(_ORDER, more, strict=True)),
    ]


def main() -> None:
    """Measure, print and write the page. The exit code is 0, whatever the verdicts."""
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
    least = {service: [alone(packages).rss for _ in rounds] for service, packages in _PACKAGES.items()}
    table.append(Part("RSS of its packages alone", [Row(service, least[service], "MB") for service in _SERVICES]))
    table.append(Part("RSS that each package adds", added()))
    for row in table[0].rows:
        most, packages = max(row.values), min(least[row.what])
        what = f"{row.what}, RSS at rest: {most:.0f} MB, of its packages alone: {packages:.0f} MB; aim {AIM_MB} MB"
        verdicts.append(f"{what}: {met(most <= AIM_MB)}")
    how = [(__doc__ or "").split("\n\n")[1].replace("\n", " ")]
    raw = {"rounds": [{service: each[service]._asdict() for service in each} for each in rounds], "packages": least}
    page.write(options.out, "Memory at rest", table, verdicts, on, how, "python -m tests.bench.memory", raw)
    print("\n".join(verdicts))  # noqa: T201 - it is a report


if __name__ == "__main__":
    main()
