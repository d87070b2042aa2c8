"""Readiness: waits for a bounded time until programs are ready, and reports which one is not, with the end of its
log."""

import time
from collections.abc import Sequence

from deploy.local.output import Problem
from deploy.local.places import LOGS, REPO
from deploy.local.program import Program
from deploy.local.progress import during
from deploy.local.supervisor_client import Supervisor

#: Two dozen programs start at once on a machine that may have two cores.
_PATIENCE_S = 120.0
#: Ends of a program after which it is given up. A slow program has more time.
_PATIENCE_WHEN_ENDING_S = 8.0
_POLL_S = 0.15
_TAIL_LINES = 15


def wait_ready(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    """Wait until all are ready. Raises Problem that names the first one that is not."""
    with during("starting"):
        _wait(supervisor, programs)


def _wait(supervisor: Supervisor, programs: Sequence[Program]) -> None:
    began = time.monotonic()
    fell_at: dict[str, float] = {}
    waiting = list(programs)
    while True:
        states = supervisor.states()
        now = time.monotonic()
        reasons = {}
        for program in waiting:
            state = states[program.name]["statename"]
            if state in ("STARTING", "RUNNING"):
                reasons[program.name] = program.not_ready()
            else:
                reasons[program.name] = f"it ended ({states[program.name]['spawnerr'] or state})"
                fell_at.setdefault(program.name, now)
        waiting = [program for program in waiting if reasons[program.name]]
        if not waiting:
            return
        for program in waiting:
            dying = now - fell_at.get(program.name, now) > _PATIENCE_WHEN_ENDING_S
            if dying or now - began > _PATIENCE_S:
                raise _not_ready(program, reasons[program.name] or "", now - began)
        time.sleep(_POLL_S)


def _not_ready(program: Program, reason: str, after_s: float) -> Problem:
    log = LOGS / f"{program.name}.log"
    try:
        tail = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        tail = []
    end = "\n".join(f"  | {line[:400]}" for line in tail) or "  | (nothing)"
    what = f"{program.name} is not ready after {after_s:.0f} s: {reason}"
    return Problem(f"{what}\nThe end of {log.relative_to(REPO)}:\n{end}", "make doctor says what is missing here")
