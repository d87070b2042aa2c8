"""`python -m deploy.local.install PACKAGE...`, as root: install Debian packages without starting their services.

Two fences: a `policy-rc.d` refuses every start while the packages are configured, and afterwards every unit and
init script that came with a *newly* installed package is disabled. What was installed before is left alone:
`--no-remove` lets apt-get refuse rather than take another server away.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.output import echo
from deploy.local.postpone import postponed

_GUARD = Path("/usr/sbin/policy-rc.d")
_GUARD_TEXT = (
    "#!/bin/sh\n# Put here by Holdfast's installer for the time of one apt-get run; safe to remove.\nexit 101\n"
)
_REFUSES = 101
_UNIT_FOLDERS = ("/lib/systemd/system/", "/usr/lib/systemd/system/")
_ENV = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}


def main(names: list[str]) -> int:
    """Install the packages, and return exit code 0 if everything is installed and no service of it will start."""
    before = _installed()
    with postponed():  # otherwise dpkg would go on starting what it installs, without the guard
        try:
            with _guard():
                return _apt(names)
        finally:
            _disable(sorted(_installed() - before))


def leftover_guard() -> Path | None:
    """Return our guard, which was left behind by an installation that was killed with SIGKILL."""
    ours = _GUARD.exists() and _GUARD.read_text(errors="replace") == _GUARD_TEXT
    return _GUARD if ours else None


@contextmanager
def _guard() -> Iterator[None]:
    if leftover_guard():
        _GUARD.unlink()
    try:
        with os.fdopen(os.open(_GUARD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755), "w") as file:
            file.write(_GUARD_TEXT)
    except FileExistsError:
        _trust_the_one_there()
        yield
        return
    try:
        _GUARD.chmod(0o755)  # despite the umask
        yield
    finally:
        _GUARD.unlink(missing_ok=True)


def _trust_the_one_there() -> None:
    """Keep a guard that is not ours if it refuses to start a service."""
    for unit in ("redis-server", "mariadb", "prometheus"):
        answer = subprocess.run([str(_GUARD), unit, "start"], check=False, capture_output=True).returncode
        if answer != _REFUSES:
            raise SystemExit(f"{_GUARD} is there already and would let {unit} start; install the packages by hand")


def _apt(names: list[str]) -> int:
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "--no-remove", *names]
    if subprocess.run(install, env=_ENV, check=False).returncode == 0:
        return 0
    echo("Once more, with fresh package lists:")
    subprocess.run(["apt-get", "update", "--quiet"], env=_ENV, check=False)
    return subprocess.run(install, env=_ENV, check=False).returncode


def _installed() -> set[str]:
    """Return the installed packages, half-configured ones included, because their services could be enabled as well."""
    shown = _output("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n")
    return {
        name for status, name in map(str.split, shown.splitlines()) if status not in ("config-files", "not-installed")
    }


def _disable(packages: list[str]) -> None:
    """Keep the units and init scripts of these packages from starting at boot."""
    files = [Path(line) for package in packages for line in _output("dpkg", "--listfiles", package).splitlines()]
    units = {file.name for file in files if str(file).startswith(_UNIT_FOLDERS) and file.suffix in _STARTABLE}
    scripts = {file.name for file in files if file.parent == Path("/etc/init.d")}
    for unit in sorted(unit for unit in units if "@." not in unit):
        if _output("systemctl", "is-enabled", unit).strip() == "enabled":
            subprocess.run(["systemctl", "disable", "--quiet", unit], check=False)
            echo(f"disabled {unit}: it will not start at boot")
    for script in sorted(scripts):
        subprocess.run(["update-rc.d", script, "disable"], check=False, capture_output=True)


_STARTABLE = {".service", ".socket", ".timer", ".path"}


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=_ENV).stdout
    except FileNotFoundError:  # without systemctl no unit can be started
        return ""


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
