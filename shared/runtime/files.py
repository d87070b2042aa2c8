"""Files: writes files atomically that other processes read, such as keys and secrets. A reader sees either the old text
or the new text, even after a crash at any moment. Standard library only."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PRIVATE = 0o600


def replace(path: Path, text: str, *, mode: int | None = None) -> None:
    """Replace the file's text. Without `mode`, mode and owner stay; a new file is readable by its owner only. A
    symbolic link stays a link. Raises OSError, with the file unchanged."""
    path = path.resolve()
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    if mode is None:
        mode = before.st_mode & 0o7777 if before else _PRIVATE
    with _fresh(path, text, mode, before) as fresh:
        os.replace(fresh, path)
    _keep(path.parent)


def create(path: Path, text: str, *, mode: int = _PRIVATE) -> bool:
    """Create the file, and return whether it was created. Return False, without writing, if it exists, even if another
    process has just created it."""
    with _fresh(path, text, mode) as fresh:
        try:
            os.link(fresh, path)
        except FileExistsError:
            return False
    _keep(path.parent)
    return True


@contextlib.contextmanager
def _fresh(path: Path, text: str, mode: int, owner: os.stat_result | None = None) -> Iterator[Path]:
    """Yield the path of a complete file beside `path`, already on disk. Its name is unique, because other processes may
    do the same. The file is removed afterwards."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if owner is not None and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.fchmod(descriptor, mode)  # after the owner, because changing the owner may clear mode bits
            os.fsync(descriptor)
        yield Path(name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _keep(folder: Path) -> None:
    """Write the folder's entry to disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
