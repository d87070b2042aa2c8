"""Accept: requests per second through one process, beside the ceiling and common alternatives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import load
from tests.bench.load import Load
from tests.bench.process import ROOT, Process
from tests.bench.stage import Stage
from tests.servers import free_port

OURS = "Holdfast"
CEILING = "bare FastAPI"
_PEERS = {
    CEILING: "bare_fastapi",
    "FastAPI + taskiq": "taskiq_peer",
    "FastAPI + SQLAlchemy insert": "sqlalchemy_insert",
    "FastAPI + Celery": "celery_peer",
}
_WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves HTTP."""

    process: Process
    port: int


def measure(
    stage: Stage, *, rounds: int, seconds: float, server_core: int, load_core: int, say: Callable[[str], None]
) -> dict[str, list[Load]]:
    """Measure every contestant once per round, in turn. All contestants run all the time, and are idle when it is not
    their turn."""
    stage.pin({load_core})
    contestants: dict[str, Server] = {}
    try:
        for name in (OURS, *_PEERS):
            core = {server_core}
            contestants[name] = start_api(stage, core) if name == OURS else start_peer(stage, _PEERS[name], core)
        results: dict[str, list[Load]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, server in contestants.items():
                stage.empty()
                warm_up = number == 0
                measured = load.run(
                    server.port, load.UNIQUE, f"{number:02d}", _WARM_UP_S if warm_up else seconds,
                    server=server.process.pid, stores=stage.pids, cores={load_core},
                )  # fmt: skip
                if not warm_up:
                    results[name].append(measured)
                    say(f"accept {number}/{rounds}  {name:28} {measured.requests_per_s:8,.0f} requests/s")
        return results
    finally:
        for server in contestants.values():
            server.process.stop()


def start_api(stage: Stage, cores: set[int], checkout: Path = ROOT, through: Sequence[str] = ()) -> Server:
    """Start our api with everything on, from the code in `checkout`. `through`: a module that runs the api, and its
    arguments."""
    port = free_port()
    own = {"HOLDFAST_API_PORT": str(port), "HOLDFAST_INSTANCE": f"api-{port}"}
    log = stage.folder / f"api-{port}.log"
    process = Process(["-m", *through, "holdfast.services.api"], stage.environment | own, log, checkout)
    return _started(process, port, cores)


def start_peer(stage: Stage, module: str, cores: set[int]) -> Server:
    """Start another contestant."""
    port = free_port()
    arguments = ["-m", "tests.bench.contestants.serve", module, str(port)]
    return _started(Process(arguments, stage.environment, stage.folder / f"{module}-{port}.log"), port, cores)


def _started(process: Process, port: int, cores: set[int]) -> Server:
    process.start(cores).wait_for_port(port)
    return Server(process, port)
