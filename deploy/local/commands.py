"""The commands of the local stack, one function each."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, NoReturn

from deploy.local import circuits, database, doctor, packages, places, python_env, stack, status
from deploy.local import redis as redis_servers
from deploy.local.follow import follow
from deploy.local.output import Problem, echo
from deploy.local.progress import during
from deploy.local.secret import secret
from deploy.local.services import address, service_env
from deploy.local.settings import LOOPBACK, StackSettings, port_offset, saved
from deploy.local.welcome import welcome
from deploy.privileges.database import MIGRATE

#: Seconds to wait for another command, which may be installing everything.
_LOCK_PATIENCE_S = 300.0


def run() -> int:
    """Run the stack in the foreground until Ctrl-C."""
    began = time.monotonic()
    with _alone():
        settings = StackSettings().changed(os.environ)
        _set_up("local", *_more(settings))
        database.check_declaration(settings)
        if stack.running():
            raise Problem("this clone's stack is running already", "make status", "make logs", "make down")
        child = stack.start(settings, with_parent=True)
    echo(welcome(settings, time.monotonic() - began))
    echo("Ctrl-C ends all of it. The logs:\n")
    try:
        follow("", from_end=True, until=lambda: child.poll() is not None)
    finally:
        echo("\nStopping")
        stack.stop()
    if child.poll():
        raise Problem(f"the supervisor died ({child.returncode}); what it had started was ended")
    return 0


def up() -> int:
    """Run the stack in the background. If it runs already, apply the number of writers, and restart what has
    changed."""
    began = time.monotonic()
    with _alone():
        settings = StackSettings().changed(os.environ)
        _set_up("local", *_more(settings))
        supervisor = stack.running()
        if supervisor is None:
            database.check_declaration(settings)
            stack.start(settings, with_parent=False)
        else:
            settings = saved().changed(os.environ)
            database.check_declaration(settings)
            changed = stack.scale(supervisor, saved(), settings)
            renewed = stack.renew(supervisor, settings, changed)
            if stale := [name for name in changed if name not in renewed]:
                echo(f"Changed since it was started, and in force after make down: {', '.join(stale)}")
    echo(welcome(settings, time.monotonic() - began))
    echo("It runs in the background: make status, make logs, make up WRITERS=4, make down")
    return 0


def down() -> int:
    """Stop this clone's stack. Refuse while another command breaks it, because that command would mistake the stop for
    its own fault."""
    with _alone():
        if places.BREAKING_LOCK.exists():
            with open(places.BREAKING_LOCK, "r+") as lock:
                if not _locked(lock):
                    what = "a scenario, an experiment or a load test breaks this clone's stack, and will mend it"
                    raise Problem(what, "wait for it, or end it with Ctrl-C, then make down")
        echo("Stopped." if stack.stop() else "Nothing of this clone was running.")
    return 0


def logs() -> int:
    """Follow the logs until Ctrl-C; ONLY=api for one program."""
    names = sorted(path.stem for path in places.LOGS.glob("*.log"))
    if not names:
        raise Problem("there are no logs yet", "make run, or make up")
    only = os.environ.get("ONLY", "")
    if not any(name.startswith(only) for name in names):
        raise Problem(f"no program's name begins with {only!r}", f"one of: {', '.join(names)}")
    follow(only, from_end=False, until=lambda: False)
    return 0


def setup(*names: str) -> int:
    """Make environments and install packages, without starting processes."""
    with _alone():
        packages.try_again()
        _set_up(*(names or ("local",)))
    return 0


def venv(name: str) -> int:
    """Make one environment from its pinned requirements."""
    with _alone():
        python_env.ensure(name)
    return 0


def inside(*command: str) -> int:
    """Run a command with the settings of the running stack's dlq_admin."""
    stack.check_running()
    env = service_env(saved(), "dlq_admin") | {"HOLDFAST_LISTEN_HOST": LOOPBACK, "HOLDFAST_LOG_STYLE": "auto"}
    with during("reading the stores"):
        return subprocess.run(command, env=os.environ | env, check=False).returncode


def migration(name: str = "") -> int:
    """Write the revision that the database of DB_DSN, or of the running stack, lacks."""
    env = dict(os.environ)
    if not env.get("DB_DSN"):
        if stack.running() is None:
            raise Problem("the stack is not running, and DB_DSN names no database", "make up")
        env |= saved().domain_env() | {"DB_DSN": database.dsn(MIGRATE, saved())}
    command = (str(places.VENV_PYTHON), "-m", "holdfast.migrations", "revision", name)
    return subprocess.run(command, env=env, cwd=places.REPO, check=False).returncode


def dlq(*arguments: str) -> int:
    """Send a command to the running dlq_admin as the operator."""
    stack.check_running()
    env = {"HOLDFAST_DLQ_URL": f"http://{address(saved(), 'dlq_admin')}", "HOLDFAST_DLQ_KEY": secret("operator_token")}
    command = (str(places.VENV_PYTHON), "-m", "holdfast.services.dlq_admin", *(arguments or ("overview",)))
    return subprocess.run(command, env=os.environ | env, cwd=places.REPO, check=False).returncode


def redis(place: str = "", *arguments: str) -> int:
    """Run redis-cli on the queue or the cache of the running stack, as the operator."""
    stack.check_running()
    redis_servers.cli(saved(), place, *arguments)


def not_running() -> int:
    """Refuse while the stack runs, because the next step would remove its data."""
    if stack.running():
        raise Problem("the stack is running", "make down")
    stack.end_leftovers()
    return 0


_COMMANDS: Mapping[str, Callable[..., int]] = {
    "run": run,
    "up": up,
    "down": down,
    "status": status.show,
    "circuit-status": circuits.show,
    "logs": logs,
    "doctor": lambda: doctor.show(lambda: StackSettings().changed(os.environ)),
    "setup": setup,
    "venv": venv,
    "inside": inside,
    "migration": migration,
    "dlq": dlq,
    "redis": redis,
    "not-running": not_running,
}


def main(arguments: list[str]) -> NoReturn:
    """Run the command, and end with its exit code."""
    # A closed terminal and `kill` count as Ctrl-C, so that what was begun is undone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if not arguments or arguments[0] not in _COMMANDS:
        sys.exit(f"one of: {', '.join(_COMMANDS)}")
    try:
        port_offset(os.environ)  # invalid ports are refused also where the stack's own ports, which are known, count
        sys.exit(_COMMANDS[arguments[0]](*arguments[1:]))
    except Problem as problem:
        sys.exit(f"\n{problem}")
    except KeyboardInterrupt:
        sys.exit(0 if arguments[0] in ("run", "logs") else 130)


def _set_up(*names: str) -> None:
    for name in names:
        if name in python_env.ENVIRONMENTS:
            python_env.ensure(name)
    packages.ensure(*names)


def _more(settings: StackSettings) -> tuple[str, ...]:
    """Return the packages that these settings need in addition to the local stack's environment."""
    return ("ha",) if settings.ha else ()


@contextmanager
def _alone() -> Iterator[None]:
    """Allow only one command at a time to change this clone."""
    places.make_all()
    with open(places.LOCAL / "lock", "w") as lock:
        deadline = time.monotonic() + _LOCK_PATIENCE_S
        with during("another make is at work in this clone, and is waited for"):
            while not _locked(lock):
                if time.monotonic() > deadline:
                    raise Problem("another make is at work in this clone", "wait for it to end")
                time.sleep(0.2)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
