"""Debian packages of the local stack: required ones must be installed; a missing optional one costs one sentence."""

import re
from pathlib import Path

import pytest

from deploy.local import packages
from deploy.local.output import Problem
from deploy.local.packages import Package
from deploy.local.places import REPO

NEEDED = Package("needed", ("holdfast-no-such-program",))
EXTRA = Package("extra", ("holdfast-no-such-program",), "pictures")


@pytest.fixture(autouse=True)
def nobody_can_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which packages cannot be installed, and a clone that has not tried to install any."""
    monkeypatch.setattr(packages, "why_not_installable", lambda: "there is no apt-get here")
    monkeypatch.setattr(packages, "_GIVEN_UP", tmp_path / "given-up")


def test_a_needed_package_that_is_missing_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package that is required is a problem that names the package."""
    monkeypatch.setattr(packages, "PACKAGES", (NEEDED, EXTRA))
    with pytest.raises(Problem, match="missing: needed"):
        packages.ensure()


def test_an_extra_package_that_is_missing_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing package that is optional is reported once, and again only after a request to try again."""
    monkeypatch.setattr(packages, "PACKAGES", (EXTRA,))
    packages.ensure()
    printed = capsys.readouterr().out
    assert "missing: extra" in printed
    assert "without pictures" in printed
    packages.ensure()
    assert capsys.readouterr().out == ""
    packages.try_again()
    packages.ensure()
    assert "without pictures" in capsys.readouterr().out


def test_make_test_installs_what_the_tests_start() -> None:
    """Every program that a test looks for is in a package that is installed before the tests run."""
    recipe = re.search(r"^test:.*\n\t@\$\(LOCAL\) setup (.+)", (REPO / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    installed = {
        program
        for package in (*packages.PACKAGES, *packages.needed_by(*recipe[1].split()))
        for program in package.programs
    }
    named = {
        program
        for file in (REPO / "tests").rglob("test_*.py")
        for program in re.findall(r"which\(\"([a-z-]+)\"\)", file.read_text())
    }
    assert {"haproxy", "amtool"} <= named - {"docker"} <= installed  # the container tests use a fake docker
