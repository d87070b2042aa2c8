"""Tree: copies of the project, in which a bug is planted."""

import hashlib
import shutil
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
#: Environments, caches and output of earlier runs.
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".local", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache",
    "dist", "node_modules", "pictures",
)  # fmt: skip
_SHIPPED = ("services", "shared", "deploy")


def copy(of: Path, to: Path) -> Path:
    """Copy the project from `of`, with links and compiled modules, and link it to this project's environment."""
    shutil.copytree(of, to, symlinks=True, ignore=_NOT_COPIED)
    (to / ".venv").symlink_to((ROOT / ".venv").resolve())
    return to


@cache
def digest(root: Path, *tests: str) -> str:
    """Return a digest of shipped code, of the modules that tests share, and of these files and folders: all that a
    result depends on."""
    found = hashlib.sha256()
    shared = (str(file.relative_to(root)) for file in (root / "tests").glob("*.py"))
    for name in sorted({*_SHIPPED, *shared, *tests}):
        where = root / name
        for file in sorted(where.rglob("*")) if where.is_dir() else [where]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(repr((str(file.relative_to(root)), file.read_bytes())).encode())
    return found.hexdigest()
