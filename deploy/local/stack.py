"""The stack: starts in order, scales while it runs, and stops in order, whatever an earlier run left behind."""

import os
import subprocess
import time
from collections.abc import Collection
from dataclasses import replace

from deploy.local import (
    alerting,
    database,
    exporters,
    galera,
    haproxy,
    metrics_store,
    ports,
    processes,
    sources,
    supervisor_conf,
)
from deploy.local import redis as redis_servers
from deploy.local.nodes import data_folder
from deploy.local.output import Problem, echo
from deploy.local.places import LOCAL, LOGS, REPO, VENV_PYTHON
from deploy.local.postpone import postponed
from deploy.local.program import Program
from deploy.local.programs import programs
from deploy.local.readiness import wait_ready
from deploy.local.services import address
from deploy.local.settings import StackSettings, saved
from deploy.local.supervisor_client import Supervisor, Unreachable

_SUPERVISOR = "supervisord"
#: Starts last, because a program that has not started yet is not down.
_WATCHES_ALL = "prometheus"
_SUPERVISOR_START_S = 15.0
_SUPERVISOR_END_S = 30.0
_STOP_S = 90.0


def running() -> Supervisor | None:
    """Return the supervisor of this clone's stack, or None. Waits for one that is ending."""
    process = processes.recorded(_SUPERVISOR)
    if process is None:
        return None
    supervisor = Supervisor()
    try:
        if supervisor.running():
            return supervisor
    except Unreachable:
        pass  # starting, ending, or frozen
    echo("Waiting for the stack that is just ending")
    if processes.wait_gone([process], _SUPERVISOR_END_S):
        raise Problem(f"the supervisor (process {process.pid}) runs and does not answer", f"kill -9 {process.pid}")
    return None


def check_running() -> None:
    """Raise Problem unless this clone's stack runs."""
    if running() is None:
        raise Problem("the stack is not running", "make up")


def start(settings: StackSettings, *, with_parent: bool) -> "subprocess.Popen[bytes]":
    """Start everything in order, and return the supervisor when all are ready. On failure nothing is left running.
    `with_parent`: the stack ends with this process, however that ends."""
    end_leftovers()
    wanted = programs(settings)
    ports.check_free(wanted, "make run" if with_parent else "make up")
    database.prepare(settings)
    galera.prepare(settings)
    redis_servers.prepare(settings)
    _write_configuration(settings, wanted)
    settings.save()
    child = _launch(with_parent)
    try:
        supervisor = _wait_for_supervisor(child)
        _start(supervisor, wanted, settings)
    except BaseException:
        with postponed():
            _stop()
            child.terminate()  # the supervisor may not have written its record yet
            child.wait(_SUPERVISOR_END_S)
        raise
    return child


def scale(supervisor: Supervisor, before: StackSettings, settings: StackSettings) -> list[str]:
    """Change the number of writers, or the resources, of a running stack, without restarting anything else. Return the
    names of programs whose sources or configuration changed, which takes effect at their next start. Services among
    them need not be ready."""
    if settings != replace(before, writers=settings.writers, domain=settings.domain, python_path=settings.python_path):
        raise Problem("the stack runs with other settings", "make down, then start it with the new ones")
    wanted = programs(settings)
    _write_configuration(settings, wanted)
    added, changed, removed = supervisor.reread()
    supervisor.stop(removed, _STOP_S)
    for name in removed:
        supervisor.remove(name)
        processes.forget(name)
    ports.check_free([program for program in wanted if program.name in added], "make up")
    for name in added:
        supervisor.add(name)
    settings.save()
    kept = [each for each in wanted if each.kind != "service" or each.name not in changed]
    # Processes that are not restarted keep the schema, and their rights in it, until they are renewed.
    _start(supervisor, kept, settings, migrate=bool(added) or kept == wanted)
    return changed


def renew(supervisor: Supervisor, settings: StackSettings, changed: Collection[str]) -> list[str]:
    """Restart those of `changed` that are not stores, with their new sources and configuration, and return their names.
    The schema is upgraded between their end and their start."""
    stores = {program.name for program in programs(settings) if program.kind in ("store", "sentinel")}
    names = [name for name in changed if name not in stores]
    if names:
        database.check_tables(settings)
        echo(f"Changed since they were started, and restarted now: {', '.join(names)}")
        supervisor.stop(names, _STOP_S)
        for name in names:
            supervisor.remove(name)
            supervisor.add(name)
        _start(supervisor, programs(settings), settings)
    return names


def stop() -> bool:
    """Stop everything that this clone started, services before stores. Return False if nothing ran. Ctrl-C does not
    interrupt it."""
    with postponed():
        return _stop()


def _stop() -> bool:
    process = processes.recorded(_SUPERVISOR)
    if process is not None:
        supervisor = Supervisor()
        try:
            kinds = {program.name: program.kind for program in programs(saved())}
            names = set(supervisor.states())
            stores = {name for name in names if kinds.get(name) == "store"}
            # Sentinels stop before what they watch, so that they promote no node.
            sentinels = {name for name in names if kinds.get(name) == "sentinel"}
            # One after another, so that the last node of a cluster knows that it is the last.
            nodes = [{name} for name in sorted(stores) if name.startswith("mariadb")]
            for some in (names - stores - sentinels, sentinels, stores.difference(*nodes), *reversed(nodes)):
                supervisor.stop(some, _STOP_S)
            supervisor.shut_down()
        except (*Unreachable, Problem):
            pass  # it is ended by its id, below
        else:
            processes.wait_gone([process], _SUPERVISOR_END_S)
        processes.end([process], _SUPERVISOR_END_S)
    return end_leftovers() or process is not None


def end_leftovers() -> bool:
    """End what an earlier stack left running when its supervisor was killed, but only what its records prove to be
    ours."""
    names = processes.recorded_names()
    left = {name: process for name in names if (process := processes.recorded(name))}
    if left:
        echo(f"Ending what an earlier run left behind: {', '.join(left)}")
        processes.end(left.values(), 30.0)
    processes.end(galera.copying(saved()), 5.0)
    for name in names:
        processes.forget(name)
    return bool(left)


def _start(supervisor: Supervisor, wanted: list[Program], settings: StackSettings, *, migrate: bool = True) -> None:
    """Start the stores, then upgrade the rights and the schema, then start the rest, and the watchers last. What runs
    already is left alone."""
    stores = [program for program in wanted if program.kind in ("store", "sentinel")]
    watching = [program for program in wanted if program.name == _WATCHES_ALL]
    rest = [program for program in wanted if program not in stores and program not in watching]
    for stage in (stores, rest, watching):
        supervisor.start(program.name for program in stage)
        wait_ready(supervisor, stage)
        if stage is stores and migrate:
            redis_servers.load_rights(settings)
            galera.wait_in_step(settings)
            database.migrate(settings)


def _write_configuration(settings: StackSettings, wanted: list[Program]) -> None:
    data = data_folder(settings)
    for folder in (data / "redis-queue", data / "redis-cache", LOCAL / "prometheus", LOCAL / "alertmanager"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    metrics_store.write_config((program.job, program.instance, program.scraped_at) for program in wanted if program.job)
    exporters.write_config(settings)
    alerting.write_config(address(settings, "dlq_admin"))
    if settings.ha:
        haproxy.write_config(settings)
    supervisor_conf.write(wanted, sources.digest(sources.folders(settings)))


def _launch(with_parent: bool) -> "subprocess.Popen[bytes]":
    """Start supervisord in a session of its own, so that Ctrl-C in this terminal reaches only this process."""
    launch = [str(VENV_PYTHON), "-m", "deploy.local.launch", *(["--die-with-parent"] if with_parent else [])]
    command = [*launch, _SUPERVISOR, str(VENV_PYTHON), "-m", "supervisor.supervisord", "-c", str(supervisor_conf.PATH)]
    with open(LOGS / "supervisord.out", "wb") as output:
        return subprocess.Popen(
            command,
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )


def _wait_for_supervisor(child: "subprocess.Popen[bytes]") -> Supervisor:
    supervisor = Supervisor()
    deadline = time.monotonic() + _SUPERVISOR_START_S
    while time.monotonic() < deadline and child.poll() is None:
        try:
            supervisor.states()
            return supervisor
        except Unreachable:
            time.sleep(0.05)
    output = (LOGS / "supervisord.out").read_text(errors="replace")[-2000:]
    raise Problem(f"the supervisor did not start:\n{output}")
