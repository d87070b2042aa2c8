"""Tree: copies of the project, in which a bug is planted."""

import hashlib
import shutil
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
#: Environments, caches and what runs leave behind.
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".local", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache",
    "dist", "node_modules", "pictures",
)  # fmt: skip
_SHIPPED = ("services", "shared", "deploy")


def copy(of: Path, to: Path) -> Path:
    """The project as it is in `of`, links and compiled modules included, with the environment of this one."""
    shutil.copytree(of, to, symlinks=True, ignore=_NOT_COPIED)
    (to / ".venv").symlink_to((ROOT / ".venv").resolve())
    return to


@cache
def digest(root: Path, *tests: str) -> str:
    """Of what is shipped, of what tests share, and of these files and folders: what a result depends on."""
    found = hashlib.sha256()
    shared = (str(file.relative_to(root)) for file in (root / "tests").glob("*.py"))
    for name in sorted({*_SHIPPED, *shared, *tests}):
        where = root / name
        for file in sorted(where.rglob("*")) if where.is_dir() else [where]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(repr((str(file.relative_to(root)), file.read_bytes())).encode())
    return found.hexdigest()
