"""The steps of a release, the changelog, and the places that name the version. Files are changed only after the checks,
and restored if a later step fails."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.output import Problem, echo

#: Every file that assigns the version. A test finds any others.
NAMED_IN = ("pyproject.toml", "deploy/Dockerfile", "shared/runtime/build.py", "clients/python/pyproject.toml")
_CHANGELOG = "CHANGELOG.md"


def release(root: Path, version: str, *, check: Callable[[Path], None], try_out: Callable[[Path, Path], None]) -> None:
    """Release the repository at `root` as `version`. `try_out`: is called with `root` and the wheel. Raises Problem."""
    old = current_version(root)
    _refuse_unless_ready(root, old, version)
    check(root)
    _git(root, "diff", "--quiet", problem="`make check` changed files: commit or revert them")
    changes = _write(root, old, version)
    try:
        wheel = build(root, root / "dist")
        try_out(root, wheel)
        notes = section((root / _CHANGELOG).read_text(), version)
        _git(root, "commit", "--quiet", "--message", f"Release {version}", "--", *changes)
        _git(root, "tag", "--annotate", "--message", f"Holdfast {version}\n\n{notes}", f"v{version}")
    except BaseException:
        _git(root, "restore", "--", *changes)
        raise
    echo(f"{version} is committed and tagged, its files are in dist/. Publish it: git push --follow-tags")


def current_version(root: Path) -> str:
    """Return the version in pyproject.toml."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def build(root: Path, folder: Path) -> Path:
    """Build wheel and sdist into `folder`, and return the wheel. Needs no network, because hatchling is a pinned
    dependency."""
    done = subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=root, check=False)
    if done.returncode:
        raise Problem("the wheel could not be built")
    return folder / f"holdfast-{current_version(root)}-py3-none-any.whl"


def _refuse_unless_ready(root: Path, old: str, version: str) -> None:
    if _git(root, "status", "--porcelain"):
        raise Problem("the tree has uncommitted changes", "git status")
    if _git(root, "tag", "--list", f"v{version}"):
        raise Problem(f"{version} is tagged already")
    if _numbers(version) < _numbers(old):
        raise Problem(f"{version} is older than {old}, which pyproject.toml has")
    if not section((root / _CHANGELOG).read_text(), "Unreleased"):
        raise Problem("CHANGELOG.md has nothing under [Unreleased]", "say what users and operators will notice")


def _write(root: Path, old: str, version: str) -> list[str]:
    day = datetime.now(UTC).date().isoformat()
    texts = {name: with_version((root / name).read_text(), old, version) for name in NAMED_IN}
    texts[_CHANGELOG] = released((root / _CHANGELOG).read_text(), version, day)
    for name, text in texts.items():
        (root / name).write_text(text)
    return list(texts)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _git(root: Path, *arguments: str, problem: str = "") -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(problem or f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


_UNRELEASED = "## [Unreleased]"
_SECTION = re.compile(r"^## \[", re.MULTILINE)


def section(text: str, title: str) -> str:
    """Return what stands under `## [title]`, without the heading, or an empty text."""
    found = re.search(rf"^## \[{re.escape(title)}\].*$", text, re.MULTILINE)
    if found is None:
        return ""
    rest = text[found.end() :]
    following = _SECTION.search(rest)
    return rest[: following.start() if following else None].strip()


def released(text: str, version: str, day: str) -> str:
    """Return `text` with the unreleased changes under the heading of `version`."""
    return text.replace(_UNRELEASED, f"{_UNRELEASED}\n\n## [{version}] - {day}", 1)


def with_version(text: str, old: str, new: str) -> str:
    """Return `text` with `new` wherever a line assigns `old` to a version: in TOML, Python, a Dockerfile."""
    assigned = rf"(version\w*\s*=\s*\"?){re.escape(old)}(?![\w.])"
    return re.sub(assigned, rf"\g<1>{new}", text, flags=re.IGNORECASE)
