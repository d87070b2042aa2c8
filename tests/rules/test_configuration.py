"""Prometheus and Alertmanager accept their configuration, and an alert is routed to its receiver."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy import read_yaml
from deploy.local.metrics_store import JOBS
from deploy.rules.files import FILES, FOLDER
from deploy.rules.profile import PROFILES
from tests.rules import promtool

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"


@pytest.mark.parametrize("rules", FILES)
def test_prometheus_takes_its_configuration(rules: str, tmp_path: Path) -> None:
    """Prometheus accepts its configuration with either file of rules, and with a file of targets for each job, as a
    stack supplies them."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    assert "rules/demo.yml]" in text
    (tmp_path / "prometheus.yml").write_text(text.replace("rules/demo.yml]", f"rules/{rules}]"))
    shutil.copytree(FOLDER, tmp_path / "rules")
    (tmp_path / "targets").mkdir()
    for job in JOBS:
        (tmp_path / "targets" / f"{job}.json").write_text('[{"targets": ["127.0.0.1:1"]}]')
    done = promtool.run("check", "config", tmp_path / "prometheus.yml")
    assert (done.returncode, "rules found" in done.stdout, done.stderr) == (0, True, ""), done.stdout + done.stderr
    assert "does not exist" not in done.stdout


def test_the_jobs_are_those_of_the_local_stack() -> None:
    """The jobs of Prometheus are those of the local stack, each with its file of targets."""
    config = read_yaml.document((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    scraped = {one["job_name"]: one["file_sd_configs"][0]["files"] for one in config["scrape_configs"]}
    assert scraped == {job: [f"targets/{job}.json"] for job in JOBS}


def test_one_burn_is_one_alert() -> None:
    """Of two windows of one severity, the alert of the shorter one silences that of the longer one, in each profile."""
    rules = read_yaml.document(ALERTMANAGER.read_text())["inhibit_rules"]
    silenced = {(str(one["source_matchers"]), str(one["target_matchers"])) for one in rules}
    for name, short, long in (("Fast", 0, 1), ("Slow", 2, 3)):
        source, target = (
            str([f'alertname="HoldfastAvailabilityBurn{name}"', f'window=~"{"|".join(windows)}"'])
            for windows in ([profile.burns[at].long for profile in PROFILES] for at in (short, long))
        )
        assert (source, target) in silenced


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=HoldfastMessageLoss", "severity=page"], "console"),
        (["alertname=HoldfastDeadLettersGrowing", "severity=ticket"], "console"),
        (["alertname=HoldfastBreakerOpen", "severity=warning"], "console"),
        (["alertname=HoldfastWatchdog", "severity=none"], "console"),
        (["alertname=SomebodyElses"], "console"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)  # fmt: skip
def test_an_alert_ends_where_it_should(labels: list[str], receiver: str) -> None:
    """Alertmanager itself routes each alert to the expected receiver."""
    amtool = shutil.which("amtool")
    assert amtool, "amtool is missing: make setup"
    done = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, receiver), done.stderr
