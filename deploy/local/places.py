"""Where the local stack keeps its files: under `.local/`, which git ignores."""

import hashlib
import os
import tempfile
from pathlib import Path

from deploy.local.output import Problem
from holdfast.shared.runtime import files

REPO = Path(__file__).resolve().parents[2]
LOCAL = REPO / ".local"
LOGS = LOCAL / "log"
RUN = LOCAL / "run"
CONF = LOCAL / "conf"
SECRETS = LOCAL / "secrets"
#: Locked while a scenario, an experiment, a load test or a drill breaks the stack.
BREAKING_LOCK = LOCAL / "chaos" / "lock"
VENV_PYTHON = REPO / ".venv" / "bin" / "python"

#: A Unix socket's path has at most 107 characters, and supervisord binds `<path>.<pid>` first.
_SOCKET_PATH_MAX = 107 - len(".1234567")


def make_all() -> None:
    """Create the folders, closed to other users, because they hold data and secrets."""
    LOCAL.mkdir(mode=0o700, exist_ok=True)
    for folder in (LOGS, RUN, CONF, SECRETS):
        folder.mkdir(mode=0o700, exist_ok=True)


def socket_path(name: str) -> Path:
    """Return `.local/run/<name>`, or a path in a private folder under /tmp if that one is too long for a Unix
    socket."""
    path = RUN / name
    return path if len(os.fsencode(path)) <= _SOCKET_PATH_MAX else _short_folder() / name


def _short_folder() -> Path:
    """Return a folder that is always the same for this clone and user, and closed to others."""
    digest = hashlib.sha256(os.fsencode(LOCAL)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"holdfast-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if folder.is_symlink() or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise Problem(f"{folder} is there already and is not private to this user", f"look at it, then: rm -r {folder}")
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    _make_room(path)
    files.replace(path, text, mode=0o600)


def write_private_once(path: Path, text: str) -> None:
    """Write such a file unless it exists, even if it was made a moment ago."""
    _make_room(path)
    files.create(path, text)


def _make_room(path: Path) -> None:
    if path.is_relative_to(LOCAL):
        make_all()
