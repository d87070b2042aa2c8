"""Opens the stack of this clone for one user at a time, and mends it however that user ends."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.local.output import Problem, echo
from deploy.local.places import BREAKING_LOCK
from deploy.stacks.containers import Containers
from deploy.stacks.guard import mended_after
from deploy.stacks.journal import Journal
from deploy.stacks.mend import mend_aloud
from deploy.stacks.processes import Processes
from deploy.stacks.stack import Stack

KINDS = ("local", "docker")
_KINDS: dict[str, type[Processes | Containers]] = {"local": Processes, "docker": Containers}
#: Seconds after which faults that end by themselves do so, even if both the runner and the guard were killed.
_LASTS_S = 300.0


@contextmanager
def running(kind: str = "", lasts_s: float = _LASTS_S, report: Callable[[str], None] = echo) -> Iterator[Stack]:
    """Open the running stack: `local` processes or `docker` containers, by default as STACK says, else local. Raises
    Problem if it does not run, or if another command is breaking it."""
    kind = kind or os.environ.get("STACK") or "local"
    if kind not in _KINDS:
        raise Problem(f"STACK={kind} is neither local nor docker")
    with _alone():
        journal = Journal()
        if journal.read():
            report("An earlier run was cut off")
            mend_aloud(journal, report)
        with mended_after(journal, report):
            yield _KINDS[kind](journal, lasts_s)


def heal(report: Callable[[str], None] = echo) -> bool:
    """Mend what earlier runs left broken, and return whether all of it could be mended."""
    with _alone():
        journal = Journal()
        if not journal.read():
            report("Nothing is broken on purpose.")
        return mend_aloud(journal, report)


@contextmanager
def _alone() -> Iterator[None]:
    BREAKING_LOCK.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with BREAKING_LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = "another command is breaking this clone's stack"
            raise Problem(what, "wait for it, or end it with Ctrl-C") from None
        yield
