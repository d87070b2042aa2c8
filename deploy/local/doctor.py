"""`make doctor`: what this machine has, what is missing, and what to do about it. It changes nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from deploy.local import install, packages, python_env
from deploy.local.output import Problem, echo
from deploy.local.places import REPO
from deploy.local.ports import is_free, taken_by
from deploy.local.programs import programs
from deploy.local.settings import StackSettings
from deploy.local.stack import running

_DISK_GIB = 2

#: (what, whether it is as it should be, what was seen, what to do). `None`: not so, and nothing depends on it.
Finding = tuple[str, bool | None, str, str]


def show(settings: StackSettings) -> int:
    """Print all findings; exit code 0 when `make run` should work."""
    findings = [*_python(), *_packages(), *_ports(settings), *_disk(), *_docker()]
    for what, fine, seen, fix in findings:
        mark = {True: "ok", False: "MISSING", None: "-"}[fine]
        echo(f"{mark:8} {what:18} {seen}" + (f"\n{'':27} -> {fix}" if fix and not fine else ""))
    wrong = sum(fine is False for _, fine, _, _ in findings)
    echo("\nmake run should work here." if not wrong else f"\n{wrong} thing(s) keep make run from working here.")
    return 1 if wrong else 0


def _python() -> Iterator[Finding]:
    yield "python", True, f"{sys.version.split()[0]} ({sys.executable})", ""
    pip = find_spec("pip") or find_spec("ensurepip")
    yield "pip", bool(pip), "present" if pip else "neither pip nor ensurepip", "apt-get install python3-pip"
    for name in ("local", "dev"):
        ready = python_env.is_ready(name)
        where = python_env.ENVIRONMENTS[name].name
        yield f"{where} ({name})", ready or None, "complete" if ready else "not complete", "made when it is needed"


def _packages() -> Iterator[Finding]:
    missing = packages.missing()
    reason = packages.why_not_installable() if missing else None
    for package in packages.PACKAGES:
        if package not in missing:
            yield package.name, True, _version(package.programs[0]), ""
        elif reason is None:
            yield package.name, None, "not installed", "make run installs it (starting no system service)"
        else:
            fix = f"as root: apt-get install --no-install-recommends {package.name}; or docker compose up --build"
            without = f"; it goes without {package.gives}" if package.gives else ""
            yield package.name, None if package.gives else False, f"not installed, and {reason}{without}", fix

    if guard := install.leftover_guard():
        yield "guard", False, "a killed installation left it: no service starts at its installation", f"rm {guard}"


def _version(program: str) -> str:
    asked = [packages.find(program), "--version"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    return next(iter((done.stdout or done.stderr).splitlines()), "present")[:70]


def _ports(settings: StackSettings) -> Iterator[Finding]:
    try:
        ours = running() is not None
    except Problem as problem:
        yield "stack", False, problem.args[0], problem.fixes[0]
        return
    for program in programs(settings) if not ours else ():
        if not is_free(program.host, program.port):
            fix = f"make run {program.port_setting}=... or make run PORT_OFFSET=100"
            yield f"port {program.port}", False, f"taken{taken_by(program.port)}, and {program.name} needs it", fix
    seen = "this clone's stack is running: make status" if ours else "checked; those taken are listed above, if any"
    yield "ports", True, seen, ""


def _disk() -> Iterator[Finding]:
    free_gib = shutil.disk_usage(REPO).free / 2**30
    enough = free_gib >= _DISK_GIB
    yield "disk", enough, f"{free_gib:.0f} GiB free", f"{_DISK_GIB} GiB are needed: environment, packages, data"
    memory = Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]
    yield "memory", int(memory) >= 1_000_000, f"{int(memory) // 1024} MiB available", "about 1 GiB is needed"
    yield "cores", True, f"{os.cpu_count()}", ""


def _docker() -> Iterator[Finding]:
    for what, command in (("docker", ["docker", "info"]), ("docker compose", ["docker", "compose", "version"])):
        try:
            works = subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            works = False
        yield what, works or None, "works" if works else "not usable", "only needed for: docker compose up --build"
