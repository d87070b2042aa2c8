"""Alerts fire when they should, alone, and not when they nearly should; in a demo and in production."""

from itertools import chain
from pathlib import Path

import pytest

from deploy.rules.files import FILES, FOLDER, files, groups
from deploy.rules.profile import DEMO, PROFILES, Profile
from deploy.rules.rule import Alert
from tests.rules import promtool
from tests.rules.case import Case
from tests.rules.cases import cases

EACH = [
    pytest.param(profile, case, id=f"{profile.name}: {case.name}") for profile in PROFILES for case in cases(profile)
]


@pytest.mark.parametrize(("profile", "case"), EACH)
def test_exactly_these_fire(profile: Profile, case: Case, tmp_path: Path) -> None:
    """At each moment of a case, the real rules fire exactly the alerts that the case lists."""
    file = tmp_path / "case.yml"
    file.write_text(promtool.written(profile, case))
    done = promtool.run("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_both_cases() -> None:
    """Every alert has a case in which it fires and one in which it nearly does."""
    rules = {rule.name for group in groups(DEMO) for rule in group.rules if isinstance(rule, Alert)} - {"Watchdog"}
    every = cases(DEMO)
    fires = list(chain.from_iterable(chain.from_iterable(case.moments.values()) for case in every))
    assert {firing.alert for firing in fires} == rules
    assert set(chain.from_iterable(case.nearly for case in every)) == rules
    for case in every:
        assert not {one.alert for now in case.moments.values() for one in now} & set(case.nearly), case.name


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_its_code(name: str) -> None:
    """The file is as its code generates it, so `make rules` would change nothing."""
    assert (FOLDER / name).read_text() == files()[name], "make rules"


@pytest.mark.parametrize("name", FILES)
def test_prometheus_takes_the_file(name: str) -> None:
    """Prometheus accepts the file without a warning, not even about duplicates."""
    done = promtool.run("check", "rules", FOLDER / name)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
