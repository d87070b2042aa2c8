"""Cases in the format of promtool."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from deploy.rules.files import FOLDER, groups
from deploy.rules.profile import Profile
from deploy.rules.rule import Alert
from tests.rules.case import Case, Firing, Scene, quiet_day

#: Labels that every alert has, or that only classify it.
_SORTING = {"severity", "slo"}
_TEMPLATE = re.compile(r"{{ (range .+?) }}.+?{{ end }}.+?{{ end }}|{{ (.+?) }}")


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run promtool, and return what it printed."""
    program = shutil.which("promtool")
    assert program, "promtool is missing: make setup"
    # promtool runs only for a moment, and garbage collection would take a quarter of its time.
    thrifty = os.environ | {"GOGC": "off"}
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=thrifty)


def written(profile: Profile, case: Case) -> str:
    """Return a file for `promtool test rules`: at each moment exactly these alerts fire, with these texts."""
    scene = Scene(profile, case.every_s)
    series = {name: values for name, values in {**quiet_day(scene), **case.series}.items() if values is not None}
    document = {
        "rule_files": [str(FOLDER / f"{profile.name}.yml")],
        "evaluation_interval": f"{scene.every_s}s",
        # Alerts use what other groups record.
        "group_eval_order": [group.name for group in groups(profile)],
        "tests": [
            {
                "name": case.name,
                "interval": f"{scene.every_s}s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [_exactly(profile, at_s, firing) for at_s, firing in case.moments.items()],
                "alert_rule_test": [
                    test for at_s, firing in case.moments.items() for test in _texts(profile, at_s, firing)
                ],
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def rule_of(profile: Profile, firing: Firing) -> Alert:
    """Return the rule of the alert. Of several rules with that name, it is the one that sets most of the alert's
    labels."""
    rules = [rule for group in groups(profile) for rule in group.rules if isinstance(rule, Alert)]
    given = [(rule, {key: value for key, value in rule.labels.items() if key not in _SORTING}) for rule in rules]
    fitting = [
        (len(own), rule) for rule, own in given if rule.name == firing.alert and own.items() <= firing.labels.items()
    ]
    return max(fitting, key=lambda one: one[0])[1]


def _labels(profile: Profile, firing: Firing) -> dict[str, str]:
    return {**rule_of(profile, firing).written()["labels"], **firing.labels}


def _exactly(profile: Profile, at_s: int, firing: tuple[Firing, ...]) -> dict[str, Any]:
    samples = [{"labels": 'ALERTS{alertname="HoldfastWatchdog",alertstate="firing",severity="none"}', "value": 1}]
    for one in firing:
        labels = {"alertname": f"Holdfast{one.alert}", "alertstate": "firing", **_labels(profile, one)}
        pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        samples.append({"labels": f"ALERTS{{{pairs}}}", "value": 1})
    return {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{at_s}s", "exp_samples": samples}


def _texts(profile: Profile, at_s: int, firing: tuple[Firing, ...]) -> list[dict[str, Any]]:
    by_name: dict[str, list[Firing]] = {}
    for one in firing:
        by_name.setdefault(one.alert, []).append(one)
    return [
        {
            "eval_time": f"{at_s}s",
            "alertname": f"Holdfast{name}",
            "exp_alerts": [
                {"exp_labels": _labels(profile, one), "exp_annotations": _annotations(profile, one)} for one in same
            ],
        }
        for name, same in by_name.items()
        if all(one.value for one in same)
    ]


def _annotations(profile: Profile, firing: Firing) -> dict[str, str]:
    """Return the annotations, filled with the labels and the value of the case. Raises KeyError for a label that the
    alert lacks."""
    labels = _labels(profile, firing)

    def filled(found: re.Match[str]) -> str:
        what = found[1] or found[2]
        if what.startswith("range "):
            return firing.names
        return labels[what.removeprefix("$labels.")] if what.startswith("$labels.") else firing.value

    annotations = rule_of(profile, firing).written()["annotations"]
    return {key: _TEMPLATE.sub(filled, text) for key, text in annotations.items()}
