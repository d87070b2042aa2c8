"""The previous release: its files, kept in `.local/upgrade`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.processes import ROOT, login_of
from tests.servers import START_DEADLINE_S

#: The commit to upgrade from if no release is tagged.
UNTAGGED = "9807bb2b"
_KEPT_IN = ROOT / ".local/upgrade"


def name() -> str:
    """Return the newest tag of an earlier commit, or `UNTAGGED` if there is none, as in a copy without history."""
    command = ["git", "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-creatordate"]
    tags = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    return tags[0] if tags else UNTAGGED


def files(of: str) -> Path:
    """Return the folder with the files of a commit or tag. It is made once, and made again if the tag has moved."""
    command = ["git", "rev-parse", f"{of}^{{commit}}"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    folder = _KEPT_IN / commit
    if not folder.exists():
        making = folder.with_suffix(f".{os.getpid()}")
        making.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x"], cwd=making, input=archive, check=True)
        try:
            making.rename(folder)
        except OSError:  # another run was faster
            shutil.rmtree(making)
    return folder


def migrate(folder: Path, dsn: str) -> None:
    """Bring a database to the newest schema in the files of a build."""
    command = [sys.executable, "-m", "alembic", "-c", "deploy/migrations/alembic.ini", "upgrade", "head"]
    environment = os.environ | {"DB_DSN": login_of("migrate", dsn)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=START_DEADLINE_S
    )
    assert done.returncode == 0, done.stderr
