"""Schedule: which of several workers runs which test, and when. `pytest -n 4` makes the workers (pytest-xdist).

Each worker has servers of its own, because session fixtures are per process. A file whose tests share a fixture of the
module stays on one worker; any other test runs on any worker. Long tests (`@pytest.mark.long`) begin first, then files
that stay together, then single tests that need servers. Tests of pure code fill the gaps at the end.
"""

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

_ROOT = Path(__file__).parent.parent
_SHARED = {"class", "module", "package"}
#: Separates a test's id from its rank and unit, on the way from a worker to the scheduler.
_MARK = " @ "
_LONG, _TOGETHER, _SERVERS, _PURE = "0", "1", "2", "3"


@pytest.hookimpl(wrapper=True)
def pytest_collection_finish(session: pytest.Session) -> Iterator[None]:
    """Append each test's rank and unit to the id that a worker reports to the scheduler."""
    if not hasattr(session.config, "workerinput"):
        yield
        return
    items = session.items = sorted(session.items, key=_rank)
    ranked = [SimpleNamespace(nodeid=f"{item.nodeid}{_MARK}{_rank(item)} {_unit(item)}") for item in items]
    session.items = ranked  # type: ignore[assignment]
    try:
        yield
    finally:
        session.items = items


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: Sequence[Any]) -> None:
    """Have workers begin in tests/workers.py, unless they would not find it or were asked to run another Python."""
    if config.invocation_params.dir != _ROOT:
        return
    for spec in specs:
        if spec.popen and not spec.python and not spec.chdir:
            begin = [sys.executable, "-m", "tests.workers", "begin", *map(str, config.invocation_params.args)]
            spec.python = shlex.join(begin)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return our scheduler."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # untyped there
        """Assigns each worker no more than the next test, which a worker has to know before it begins one. A long test
        is not queued behind another long test."""

        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition(_MARK)[2]

        def remove_node(self, node: Any) -> str | None:
            """Return the test in which the worker was killed, if it was. Only tests that it had not begun are queued
            again: xdist also queues this one, and units that are done, for which workers would wait without end."""
            units = self.assigned_work[node]
            begun = next((test for tests in units.values() for test, done in tests.items() if not done), None)
            if begun:
                units[self._split_scope(begun)][begun] = True
            self.assigned_work[node] = {unit: tests for unit, tests in units.items() if not all(tests.values())}
            super().remove_node(node)
            return begun and begun.partition(_MARK)[0]

        def _reschedule(self, node: Any) -> None:
            if node not in self.registered_collections:  # it replaces another, and has not collected the tests yet
                return
            while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
                self._assign_work_unit(node)
            if self._pending_of(self.assigned_work[node]) < 2:
                super()._reschedule(node)

        def _assign_work_unit(self, node: Any) -> None:
            units = self.assigned_work[node].items()
            if any(unit.startswith(_LONG) and not all(tests.values()) for unit, tests in units):
                self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
            super()._assign_work_unit(node)

    config.option.loadscopereorder = False  # the tests arrive in our order
    return Scheduler(config, log)


def _rank(item: pytest.Item) -> str:
    if item.get_closest_marker("long"):
        return _LONG
    scopes = _scopes(item)
    if scopes & _SHARED:
        return _TOGETHER
    return _SERVERS if "session" in scopes else _PURE


def _unit(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0] if _scopes(item) & _SHARED else item.nodeid


def _scopes(item: pytest.Item) -> set[str]:
    """Return the scopes of all fixtures that the test uses."""
    info = getattr(item, "_fixtureinfo", None)
    found: dict[str, Sequence[Any]] = info.name2fixturedefs if info else {}
    return {
        definitions[-1].scope for name, definitions in found.items() if definitions and name not in _WITHOUT_SERVERS
    }


#: Fixtures of pytest itself that cost little.
_WITHOUT_SERVERS = {"tmp_path_factory", "event_loop_policy", "pytestconfig", "record_testsuite_property"}
