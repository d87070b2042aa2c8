"""A release by one command, and the contents of its wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.local.output import Problem
from deploy.release.release import NAMED_IN, build, current_version, release, released, section, with_version
from deploy.release.trial import run_services
from tests.conftest import ROOT

_CHANGES = "# Changelog\n\n## [Unreleased]\n\n### Added\n- A thing.\n\n## [0.1.0] - 2026-11-23\n\n- First.\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def test_the_wheel_has_one_import_name(wheel: Path) -> None:
    """Only `holdfast` can be imported from the wheel, which contains every file of the packaged folders as a file."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names} == {"holdfast", f"holdfast-{current_version(ROOT)}.dist-info"}
    ours = {
        f"holdfast/{path.relative_to(folder.parent)}"
        for folder in (
            ROOT / "services",
            ROOT / "shared",
            ROOT / "deploy" / "migrations",
            ROOT / "deploy" / "privileges",
        )
        for path in (*folder.rglob("*"), *(folder / "dlq_admin" / "runbooks").rglob("*"))  # the latter is a symlink
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours | {"holdfast/__init__.py", "holdfast/py.typed"} == {n for n in names if n.startswith("holdfast/")}


def test_services_run_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    """In an environment with the wheel and the dependencies, each service starts, answers and ends."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    site = next(path for path in (venv / "lib").glob("python*/site-packages"))
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    site.joinpath("dependencies.pth").write_text(dependencies + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True)
    found = "import importlib.util as i; print([n for n in ('holdfast', 'services', 'shared') if i.find_spec(n)])"
    done = subprocess.run([python, "-c", found], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['holdfast']"
    run_services(python, tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the files that a release changes and those that the wheel is built from."""
    root = tmp_path / "repository"
    for name in (*NAMED_IN, "README.md", "LICENSE", "holdfast/__init__.py", "services/__init__.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "holdfast" / "services").symlink_to("../services")
    (root / "holdfast" / "shared").symlink_to("../shared")
    (root / "CHANGELOG.md").write_text(_CHANGES)
    (root / ".gitignore").write_text("dist/\n")
    _git(root, "init", "--quiet", "--initial-branch", "main")
    _git(root, "config", "user.name", "Somebody")
    _git(root, "config", "user.email", "somebody@holdfast.example")
    _commit(root)
    return root


def test_a_release_is_one_commit_and_one_tag(repository: Path) -> None:
    """After a release, version, changelog and tag agree, the wheel that was tried has the version, and the tree is
    clean."""
    tried: list[str] = []
    release(repository, "3.2.1", check=lambda _: None, try_out=lambda _, wheel: tried.append(wheel.name))
    assert tried == ["holdfast-3.2.1-py3-none-any.whl"]
    assert (repository / "dist" / "holdfast-3.2.1.tar.gz").exists()
    assert current_version(repository) == "3.2.1"
    changelog = (repository / "CHANGELOG.md").read_text()
    assert section(changelog, "3.2.1") == "### Added\n- A thing."
    assert section(changelog, "Unreleased") == ""
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "log", "-1", "--format=%s %D").startswith("Release 3.2.1 HEAD -> main, tag: v3.2.1")
    assert "- A thing." in _git(repository, "tag", "--list", "v3.2.1", "--format=%(contents)")


def test_what_is_not_ready_is_not_released(repository: Path) -> None:
    """A changed tree, an old version, a used tag or an empty changelog is refused, and no commit is made."""
    before = _git(repository, "rev-parse", "HEAD")
    _refused(repository, "0.0.9", "older than")
    (repository / "new.txt").write_text("x")
    _refused(repository, "1.0.0", "uncommitted")
    (repository / "new.txt").unlink()
    _git(repository, "tag", "v1.0.0")
    _refused(repository, "1.0.0", "tagged already")
    assert _git(repository, "rev-parse", "HEAD") == before
    (repository / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-23\n\n- First.\n")
    _commit(repository)
    _refused(repository, "1.0.1", "nothing under")


def test_a_failed_trial_leaves_the_tree_as_it_was(repository: Path) -> None:
    """A failed trial leaves no commit, no tag and no changed file."""
    before = _git(repository, "rev-parse", "HEAD")

    def fails(_: Path, __: Path) -> None:
        raise Problem("it does not start")

    with pytest.raises(Problem, match="does not start"):
        release(repository, "1.0.0", check=lambda _: None, try_out=fails)
    assert _git(repository, "status", "--porcelain") == ""
    assert _git(repository, "tag") == ""
    assert _git(repository, "rev-parse", "HEAD") == before


def test_every_place_that_names_the_version_is_known() -> None:
    """A release changes every file that names the version, and no others; dependencies with the same number stay."""
    version = current_version(ROOT)
    tracked = _git(ROOT, "ls-files", "*.py", "*.toml", "*.yml", "*.yaml", "*Dockerfile").splitlines()
    naming = {
        name
        for name in tracked
        if not name.startswith("tests/") and (text := (ROOT / name).read_text()) != with_version(text, version, "9.9.9")
    }
    assert naming == set(NAMED_IN)
    assert (
        with_version('version = "0.1.0"\nx = ["y>=0.1.0"]\n', "0.1.0", "0.2.0")
        == 'version = "0.2.0"\nx = ["y>=0.1.0"]\n'
    )
    assert with_version("ARG VERSION=0.1.01\n", "0.1.0", "0.2.0") == "ARG VERSION=0.1.01\n"


def test_the_changelog_opens_a_new_section() -> None:
    """The unreleased section becomes the release's, a new unreleased section is empty, and older sections stay."""
    after = released(_CHANGES, "0.2.0", "2026-12-01")
    assert section(after, "0.2.0") == section(_CHANGES, "Unreleased") == "### Added\n- A thing."
    assert section(after, "0.1.0") == "- First."
    assert section(after, "Unreleased") == section(after, "7.0.0") == ""


def _refused(repository: Path, version: str, why: str) -> None:
    def never(*_: Path) -> None:
        raise AssertionError("a refusal comes first")

    with pytest.raises(Problem, match=why):
        release(repository, version, check=never, try_out=never)


def _commit(root: Path) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "All of it")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()
