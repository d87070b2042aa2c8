"""The status: one line per program."""

import time

from deploy.local.output import echo
from deploy.local.programs import programs
from deploy.local.settings import saved
from deploy.local.stack import running


def show() -> int:
    """Print the table, and return exit code 0 if everything runs and is ready."""
    supervisor = running()
    if supervisor is None:
        echo("Not running. Start it: make run, or make up for the background.")
        return 1
    states = supervisor.states()
    every = programs(saved())
    fine = True
    echo(f"{'program':17} {'state':9} {'process':>8} {'since':>8}  {'address':21} ready")
    for program in every:
        state = states.get(program.name, {"statename": "ABSENT", "pid": 0, "start": 0})
        runs = state["statename"] == "RUNNING"
        reason = program.not_ready() if runs else "-"
        since = _since(time.time() - state["start"]) if runs else "-"
        fine = fine and reason is None
        word = state["statename"].lower()
        echo(f"{program.name:17} {word:9} {state['pid']:>8} {since:>8}  {program.address:21} {reason or 'yes'}")
    return 0 if fine else 1


def _since(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
