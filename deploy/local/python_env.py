"""The virtual environments, made from pinned, hashed requirements, and remade only when those change."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from deploy.local.output import DOCKER, Problem, echo
from deploy.local.places import REPO
from deploy.local.progress import during

#: requirements/<name>.txt -> its environment.
ENVIRONMENTS = {
    "local": REPO / ".venv", "dev": REPO / ".venv", "bench": REPO / ".venv-bench", "grafana": REPO / ".venv-grafana",
    "audit": REPO / ".venv-audit", "sbom": REPO / ".venv-sbom", "docs": REPO / ".venv-docs",
    "clients": REPO / ".venv-clients", "kubernetes": REPO / ".venv-kubernetes",
}  # fmt: skip

#: `command = /usr/bin/python3 -m venv --option /where/it/was/made/.venv` in pyvenv.cfg.
_MADE_AT = re.compile(r" -m venv (?:--\S+ )*(/.*)$")


def ensure(name: str) -> None:
    """Install everything of requirements/`name`.txt into its environment, unless that is done."""
    venv = ENVIRONMENTS[name]
    requirements = REPO / "requirements" / f"{name}.txt"
    if _usable(venv) and _covered(venv, requirements):
        return
    if not _usable(venv):
        _create(venv)
    echo(f"Installing requirements/{name}.txt into {venv.name} (pinned, hashes checked)")
    stamp = _stamps(venv) / requirements.name
    stamp.unlink(missing_ok=True)
    pip = [*_pip(venv), "install", "-qq", "--disable-pip-version-check", "--require-hashes"]
    with during("installing"):
        done = subprocess.run([*pip, "-r", str(requirements)], check=False)
    if done.returncode:
        raise Problem(f"pip could not install requirements/{name}.txt; its output is above", "try again", DOCKER)
    stamp.parent.mkdir(exist_ok=True)
    # The other set is still complete only if this one contains all of it, because pins may have moved.
    for other in stamp.parent.iterdir():
        if not _lines(other) <= _lines(requirements):
            other.unlink()
    shutil.copyfile(requirements, stamp)


def is_ready(name: str) -> bool:
    """Return whether `ensure(name)` would have nothing to do."""
    return _usable(ENVIRONMENTS[name]) and _covered(ENVIRONMENTS[name], REPO / "requirements" / f"{name}.txt")


def _covered(venv: Path, requirements: Path) -> bool:
    """Return whether a set that was installed completely contains all of `requirements`, line by line."""
    wanted = _lines(requirements)
    return any(wanted <= _lines(stamp) for stamp in _stamps(venv).glob("*.txt"))


def _lines(file: Path) -> set[str]:
    return set(file.read_text().split("\n"))


def _stamps(venv: Path) -> Path:
    return venv / "holdfast-installed"


def _usable(venv: Path) -> bool:
    """Return whether it exists, runs, is recent enough and was made at this place. Its scripts contain its path."""
    try:
        lines = (venv / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return False
    config = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    made_at = _MADE_AT.search(config.get("command", ""))
    here = made_at is None or Path(made_at[1]).resolve() == venv.resolve()
    return here and os.access(venv / "bin" / "python", os.X_OK)


def _create(venv: Path) -> None:
    if venv.is_symlink():
        echo(f"{venv.name} is a link to an environment that is broken or of another folder; making one here")
        venv.unlink()
    elif venv.exists():
        echo(f"{venv.name} is broken or was made in another folder; making it anew")
        shutil.rmtree(venv)
    echo(f"Making {venv.name} with Python {sys.version.split()[0]}")
    # Debian keeps ensurepip in a package of its own. The pip outside can fill the environment just as well.
    bare = [] if find_spec("ensurepip") else ["--without-pip"]
    if subprocess.run([sys.executable, "-m", "venv", *bare, str(venv)], check=False).returncode:
        raise Problem(f"Python could not make {venv.name}; its output is above", "apt-get install python3-venv", DOCKER)


def _pip(venv: Path) -> list[str]:
    python = str(venv / "bin" / "python")
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [python, "-m", "pip"]
    if find_spec("pip") is None:
        raise Problem("there is no pip", "apt-get install python3-pip", DOCKER)
    return [sys.executable, "-m", "pip", "--python", python]
