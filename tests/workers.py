"""Workers of pytest-xdist are forks of one process that has imported the tests. Each worker would take eight seconds of
a core for these imports.

pytest-xdist starts a worker as `begin`. It has the process of the run (tests/warm.py) fork, hands its own input and
output over to the fork, and ends with it. If the tests cannot be imported, the forking process has imported nothing.
Each worker then imports the tests and reports the error.
"""

import os
import select
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.warm import Warm, serve_forks

_NAME = "tests.workers"
#: The number of execnet's arguments, which come last: -u -c <code that reads a program from the input>.
_OF_EXECNET = 3
_FINE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def _begin(arguments: Sequence[str], of_execnet: Sequence[str]) -> None:
    errors = f"/proc/{os.getpid()}/fd/2"
    try:
        os.close(os.open(errors, os.O_WRONLY | os.O_APPEND))
    except OSError:  # a socket, or a file without rights: it cannot be handed over
        os.execv(sys.executable, [sys.executable, *of_execnet])  # noqa: S606 - as if we were not here
    os.environ["PYTEST_XDIST_TESTRUNUID"] = f"workers of {os.getppid()}"  # the worker will be given another
    warm = Warm(shlex.join(["import", *arguments]), 0, _NAME)
    worker = warm.start(_NAME, ["work", str(os.getpid())], os.environ, Path(os.devnull), Path(errors))
    signal.signal(signal.SIGINT, lambda *_: os.kill(worker.pid, signal.SIGINT))  # as a terminal sends it to all
    select.select([os.pidfd_open(worker.pid)], [], [])
    warm.end()


def _import(arguments: Sequence[str]) -> None:
    if pytest.main([*arguments, "--numprocesses=0", "--capture=no"], plugins=[_Imports()]) not in _FINE:
        os.execv(sys.executable, [sys.executable, "-m", _NAME, "none"])  # noqa: S606 - without any half of a module
    serve_forks()


class _Imports:
    """A plugin that reduces a run of pytest to its imports."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> object:
        """Collect folders and files, and no tests."""
        session.perform_collect(genitems=False)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Import the modules of these folders and files. Raises pytest.Collector.CollectError."""
        waiting = list(items)
        while waiting:
            node = waiting.pop()
            if isinstance(node, pytest.Module):
                _import_module_of(node)
            elif isinstance(node, pytest.Collector):
                waiting += node.collect()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> object:
        """Run nothing."""
        return True


def _import_module_of(node: pytest.Module) -> None:
    try:
        _ = node.obj
    except pytest.skip.Exception:  # each worker imports it again, and reports this
        for name, module in list(sys.modules.items()):
            if getattr(module, "__file__", None) == str(node.path):
                del sys.modules[name]


def _work(begun: str) -> None:
    """Do what `python -c` does for execnet."""
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY)):
        opened = os.open(f"/proc/{begun}/fd/{number}", flags)
        os.dup2(opened, number)
        os.close(opened)
    exec(eval(sys.stdin.readline()), {"__name__": "__main__"})  # noqa: S102, S307 - what execnet has Python do


def _main(what: str, *arguments: str) -> None:
    match what:
        case "begin":
            _begin(arguments[:-_OF_EXECNET], arguments[-_OF_EXECNET:])
        case "import":
            _import(arguments)
        case "none":
            serve_forks()
        case "work":
            _work(*arguments)


if __name__ == "__main__":
    _main(*sys.argv[1:])
