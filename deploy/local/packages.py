"""Debian packages: finds which servers are installed and which are missing, and installs those."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from deploy.local.output import DOCKER, Problem, echo
from deploy.local.places import LOCAL, REPO
from deploy.local.postpone import postponed

#: Debian keeps servers where an ordinary user's PATH does not look.
_SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_GIVEN_UP = LOCAL / "packages-given-up"


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package, its programs that are used here, and the purpose of an optional one."""

    name: str
    programs: tuple[str, ...]
    gives: str = ""


PACKAGES = (
    Package("redis-server", ("redis-server",)),
    Package("mariadb-server", ("mariadbd", "mariadb-install-db")),
    Package("prometheus", ("prometheus", "promtool")),
    Package("prometheus-alertmanager", ("prometheus-alertmanager", "amtool"), "alerts, beyond Prometheus's own page"),
    Package("prometheus-redis-exporter", ("prometheus-redis-exporter",), "Redis's own metrics"),
    Package("prometheus-mysqld-exporter", ("prometheus-mysqld-exporter",), "the database's own metrics"),
)
#: Galera's library, which has no program.
PROVIDER = "/usr/lib/galera/libgalera_smm.so"
#: Packages that an environment, or a highly available stack, needs in addition.
_ALSO = {
    "bench": (Package("wrk", ("wrk",), "bench-read, and accepting in bench-write"),),
    "ha": (
        Package("haproxy", ("haproxy",)),
        Package("galera-4", (PROVIDER,)),
        Package("rsync", ("rsync",)),
    ),
}


def which(program: str) -> str | None:
    """Return the path of a program, in sbin too, or of a library, or None if it is missing."""
    return shutil.which(program, os.F_OK if program.endswith(".so") else os.F_OK | os.X_OK, path=_SEARCH)


def find(program: str) -> str:
    """Return the path of a program, or its bare name if it is missing."""
    return which(program) or program


def missing(*environments: str) -> list[Package]:
    """Return the packages of which a program is missing. How it would have been installed does not matter."""
    wanted = [*PACKAGES, *needed_by(*environments)]
    return [package for package in wanted if not all(which(program) for program in package.programs)]


def needed_by(*environments: str) -> list[Package]:
    """Return the packages that these need in addition."""
    return [package for name in environments for package in _ALSO.get(name, ())]


def why_not_installable() -> str | None:
    """Return why this user cannot install packages, or None."""
    if which("apt-get") is None:
        return "there is no apt-get here"
    if os.geteuid() == 0:
        return None
    if which("sudo") is None:
        return "you are not root and there is no sudo"
    if not sys.stdin.isatty() and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return "you are not root, and sudo asks for a password, which cannot be typed here"
    return None


def ensure(*environments: str) -> None:
    """Install what is missing for these environments. Raises Problem if that is not possible; for an optional package
    it only prints a note."""
    needed = [package.name for package in missing(*environments) if not package.gives]
    if needed:
        _install(needed)
    extra = [package for package in missing(*environments) if package.gives]
    if not extra or [package.name for package in extra] == _given_up():
        return
    try:
        _install([package.name for package in extra])
    except Problem as problem:
        echo(f"{problem.args[0]}\nGoing on without {', '.join(package.gives for package in extra)}.")
        _GIVEN_UP.write_text("\n".join(package.name for package in extra))


def _given_up() -> list[str]:
    """Return what could not be installed before, because each start would try again and wait. `make setup` tries it
    again."""
    return _GIVEN_UP.read_text().splitlines() if _GIVEN_UP.exists() else []


def try_again() -> None:
    """Forget what could not be installed before."""
    _GIVEN_UP.unlink(missing_ok=True)


def _install(wanted: list[str]) -> None:
    hand = f"have root install them: apt-get install --no-install-recommends {' '.join(wanted)}"
    if reason := why_not_installable():
        raise Problem(f"missing: {', '.join(wanted)} (Debian packages), and {reason}", hand, DOCKER)
    echo(f"Installing Debian packages: {', '.join(wanted)} (no system service is started or enabled)")
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    command = [*as_root, sys.executable, "-m", "deploy.local.install", *wanted]
    with postponed():  # apt-get gets Ctrl-C too, and stops when it safely can
        done = subprocess.run(command, cwd=REPO, check=False)
    if done.returncode:
        raise Problem(f"installing {', '.join(wanted)} failed; its output is above", hand, DOCKER)
    if still := [package.name for package in missing(*_ALSO) if package.name in wanted]:
        raise Problem(f"{', '.join(still)} installed, but the programs were not found", DOCKER)
