"""`make doctor`: reports what this machine has and lacks, what that is needed for, and how to get it. It changes
nothing. Each check is independent: one that fails is reported as `?`, and the others still run."""

import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Literal, NamedTuple

from deploy.local import install, machine, packages, python_env
from deploy.local.output import Problem, echo
from deploy.local.places import LOCAL, REPO
from deploy.local.ports import is_free, taken_by
from deploy.local.settings import StackSettings, port_offset
from deploy.local.stack import running

_WIDTH = 80
_DISK_GIB = 2
_MEMORY_MIB, _MEMORY_HA_MIB = 1000, 2000

State = Literal["ok", "missing", "taken", "low", "wrong", "-", "?"]
#: States that keep `make up` from working.
_WRONG = {"missing", "taken", "low", "wrong"}


class Finding(NamedTuple):
    """What was checked, its state, what was found, and the command or step that mends it."""

    what: str
    state: State
    seen: str
    fix: str = ""


class _Optional(NamedTuple):
    """A program that `make up` does not need: its purpose, and its Debian package."""

    programs: tuple[str, ...]
    needed_for: str
    package: str


_OPTIONAL = (
    _Optional(("git",), "the revision in logs; make release", "git"),
    _Optional(("iptables",), "make chaos-*, load-test-with-failures", "iptables"),
    _Optional(("chromium", "chromium-browser", "google-chrome"), "make test, dashboards-preview", "chromium"),
    _Optional(("openssl",), "make test", "openssl"),
    _Optional(("haproxy",), "make test, make up HA=1", "haproxy"),
    _Optional(("cc",), "make verify: power loss", "gcc libc6-dev"),
    _Optional(("wrk",), "make bench-read, bench-write", "wrk"),
)


def show(read: Callable[[], StackSettings]) -> int:
    """Print all findings, and return exit code 0 if `make up` should work."""
    needed = [*_checked("Python", _python), *_checked("packages", _packages, read), *_checked("ports", _ports, read)]
    needed += [*_checked("files", _files), *_checked("disk", _disk), *_checked("memory", _memory, read)]
    optional = [finding for each in _OPTIONAL for finding in _checked(each.package, _program, each)]
    optional += [*_checked("Docker", _docker), *_checked("clock", _clock), *_checked("environments", _environments)]
    for title, findings in (("Needed by make up and make run", needed), ("Needed by other targets", optional)):
        echo(f"{title}\n" + "\n".join(map(_lines, findings)) + "\n")
    wrong = [finding.what for finding in needed if finding.state in _WRONG]
    echo("make up should work here." if not wrong else f"make up does not work here yet: {', '.join(wrong)}.")
    return 1 if wrong else 0


def _lines(finding: Finding) -> str:
    head = f"  {finding.state:8} {finding.what:16} "
    text = textwrap.fill(finding.seen, _WIDTH, initial_indent=head, subsequent_indent=" " * 28, break_on_hyphens=False)
    return text + (f"\n{'':28}-> {finding.fix}" if finding.fix else "")


def _checked(what: str, check: Callable[..., Iterator[Finding]], *arguments: object) -> Iterator[Finding]:
    """Return the findings of `check`. A check that fails is a finding too."""
    try:
        yield from check(*arguments)
    except Problem as problem:
        yield Finding(what, "wrong", problem.args[0], next(iter(problem.fixes), ""))
    except Exception as error:  # noqa: BLE001 - the last command that may fail on a strange machine
        yield Finding(what, "?", f"could not be checked: {type(error).__name__}: {error}")


def _python() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{sys.version.split()[0]}, {sys.executable}")
    if not (find_spec("pip") or find_spec("ensurepip")):
        yield Finding("pip", "missing", "neither pip nor ensurepip", "apt-get install python3-pip python3-venv")


def _packages(read: Callable[[], StackSettings]) -> Iterator[Finding]:
    more = ("ha",) if read().ha else ()
    missing = packages.missing(*more)
    reason = packages.why_not_installable() if missing else None
    for package in (*packages.PACKAGES, *packages.needed_by(*more)):
        what = package.name.removeprefix("prometheus-")
        if package not in missing:
            yield Finding(what, "ok", machine.version(package.programs[0]) or "present")
        elif reason is None:
            yield Finding(what, "-", "not installed; make up installs it and starts no system service")
        else:
            fix = f"as root: apt-get install --no-install-recommends {package.name}"
            without = f"; without it there are no {package.gives}" if package.gives else ""
            yield Finding(what, "-" if package.gives else "missing", f"{reason}{without}", fix)
    if guard := install.leftover_guard():
        yield Finding("guard", "wrong", "an installation that was killed left it: no service can start", f"rm {guard}")


def _ports(read: Callable[[], StackSettings]) -> Iterator[Finding]:
    settings = read()
    if running() is not None:
        yield Finding("ports", "ok", "this clone's stack is running: make status")
        return
    taken = [(name, port) for name, port in settings.ports() if not is_free(settings.host_of(name), port)]
    for name, port in taken:
        yield Finding(f"port {port}", "taken", f"{name.upper()}{taken_by(port)}")
    if taken:
        offset = port_offset(os.environ) + 100
        yield Finding("ports", "taken", "all ports can be moved at once", f"make up PORT_OFFSET={offset}")
    else:
        yield Finding("ports", "ok", f"{', '.join(str(port) for _, port in settings.ports())} are free")


def _files() -> Iterator[Finding]:
    place = LOCAL if LOCAL.exists() else REPO
    fine = os.access(place, os.W_OK | os.X_OK)
    yield Finding("files", "ok" if fine else "wrong", f"{place} {'is' if fine else 'is not'} writable")


def _disk() -> Iterator[Finding]:
    free = machine.disk_free_gib(REPO)
    yield Finding("disk", "ok" if free >= _DISK_GIB else "low", f"{free:.0f} GiB free of the {_DISK_GIB} GiB needed")


def _memory(read: Callable[[], StackSettings]) -> Iterator[Finding]:
    free, needed = machine.memory_available_mib(), _MEMORY_HA_MIB if read().ha else _MEMORY_MIB
    yield Finding(
        "memory",
        "ok" if free >= needed else "low",
        f"{free} MiB free of the {needed} MiB needed; cores: {machine.cores()}",
    )


def _program(wanted: _Optional) -> Iterator[Finding]:
    seen = next(filter(None, map(machine.version, wanted.programs)), None)
    what = wanted.programs[0]
    if seen:
        yield Finding(what, "ok", f"{seen} ({wanted.needed_for})")
    else:
        yield Finding(what, "-", f"not installed; needed for {wanted.needed_for}", f"apt-get install {wanted.package}")


def _docker() -> Iterator[Finding]:
    if machine.docker_works():
        yield Finding("docker", "ok", f"{machine.version('docker')} with compose (docker compose up, STACK=docker)")
    else:
        yield Finding("docker", "-", "no engine answers, or no compose v2; needed for docker compose up")


def _clock() -> Iterator[Finding]:
    if machine.clock_is_synchronized():
        yield Finding("clock", "ok", "kept by a time service")
    else:
        yield Finding("clock", "-", "no time service keeps it: fine for one machine, needed on several")


def _environments() -> Iterator[Finding]:
    ready = [name for name in python_env.ENVIRONMENTS if python_env.is_ready(name)]
    seen = ", ".join(ready) if ready else "none yet"
    yield Finding("environments", "ok" if ready else "-", f"{seen}; each is made when a target needs it")
