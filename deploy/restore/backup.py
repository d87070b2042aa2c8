"""Backup: copies both stores while they work, the queue first, and restores them.

The order matters. An entry in the queue's copy that is also applied in the database's copy is delivered again, and
counts as a duplicate. In the other order, a write that was applied between the two copies would be in neither.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import database, places
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import LOCAL, REPO

_QUEUE = LOCAL / "redis-queue" / "appendonlydir"
_DATABASE = LOCAL / "mariadb"
_COMMAND_S = 300
_REWRITE_S = 60.0
_POLL_S = 0.1
_GROWS_PERCENT = "auto-aof-rewrite-percentage"


def take(folder: Path) -> None:
    """Copy both stores into an empty folder. Raises Problem."""
    places.make_all()
    folder.mkdir(mode=0o700, parents=True)
    with _no_rewrite():
        shutil.copytree(_QUEUE, folder / "queue")
    command = [find("mariadb-dump"), f"--socket={database.socket()}", "--single-transaction", "--databases"]
    with (folder / "database.sql").open("wb") as out:
        done = subprocess.run(
            [*command, database.NAME], stdout=out, stderr=subprocess.PIPE, timeout=_COMMAND_S, check=False
        )
    if done.returncode:
        raise Problem(f"the database's dump failed: {done.stderr.decode(errors='replace')[-400:]}")


def destroy() -> None:
    """Destroy the data of both stores, as a lost disk would. They must not run."""
    for place in (_QUEUE, _DATABASE):
        shutil.rmtree(place)


def restore_queue(folder: Path) -> None:
    """Restore the queue's data before it starts."""
    shutil.copytree(folder / "queue", _QUEUE)


def restore_database(folder: Path) -> None:
    """Restore the database's data into an empty, running database. Raises Problem."""
    with (folder / "database.sql").open("rb") as dump:
        done = subprocess.run(
            [find("mariadb"), f"--socket={database.socket()}"],
            stdin=dump,
            capture_output=True,
            timeout=_COMMAND_S,
            check=False,
        )
    if done.returncode:
        raise Problem(f"the database's dump could not be read back: {done.stderr.decode(errors='replace')[-400:]}")


@contextmanager
def _no_rewrite() -> Iterator[None]:
    """Keep Redis from rewriting its files while they are copied, so that it only appends to them."""
    before = _redis("CONFIG", "GET", _GROWS_PERCENT).split()[-1]
    _redis("CONFIG", "SET", _GROWS_PERCENT, "0")
    try:
        deadline = time.monotonic() + _REWRITE_S
        while "aof_rewrite_in_progress:0" not in _redis("INFO", "persistence"):
            if time.monotonic() > deadline:
                raise Problem("the queue's file is being rewritten, and that does not end")
            time.sleep(_POLL_S)
        yield
    finally:
        _redis("CONFIG", "SET", _GROWS_PERCENT, before)


def _redis(*arguments: str) -> str:
    command = [sys.executable, "-m", "deploy.local", "redis", "queue", *arguments]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    if done.returncode or done.stdout.startswith(("ERR", "NOPERM")):
        raise Problem(f"redis-cli {' '.join(arguments[:2])}: {(done.stdout + done.stderr).strip()[:300]}")
    return done.stdout
