"""Rules: the parts of a rules file, and how they are written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import yaml

#: A template for a count. It rounds, because `increase` estimates and gives fractions.
COUNT = '{{ $value | printf "%.0f" }}'
#: A template for seconds: `33 s`, `1 min 33 s` or `2 h 5 min 0 s`.
DURATION = (
    '{{ $value | printf "%.0f" | humanizeDuration | reReplaceAll "m( |$)" " min$1"'
    ' | reReplaceAll "([dhs])( |$)" " $1$2" }}'
)


def named(series: str, label: str, of: str = "") -> str:
    """Return a template for the values of a label of a recorded series: `audit, ledger`. One cause that shows in many
    places is one alert, which names them. `of`: a label of the alert; series with its value count."""
    found = f"query (printf `{series}{{{of}=%q}}` $labels.{of})" if of else f"query `{series}`"
    each = f"{{{{ if $at }}}}, {{{{ end }}}}{{{{ $one.Labels.{label} }}}}"
    return f"{{{{ range $at, $one := {found} | sortByLabel `{label}` }}}}{each}{{{{ end }}}}"


_HEAD = "# Written from deploy/rules by `make rules`; not edited by hand.\n"


class Severity(StrEnum):
    """What the receiver is expected to do."""

    #: Clients are affected, or will be soon: act now.
    PAGE = "page"
    #: Act within the working day.
    TICKET = "ticket"
    #: Useful while something else is wrong.
    WARNING = "warning"
    #: For machines.
    NONE = "none"


class Dashboard(StrEnum):
    """The uids of services/dlq_admin/live/grafana."""

    OVERVIEW = "holdfast-overview"
    RECOVERY = "holdfast-failure-recovery"
    PIPELINE = "holdfast-pipeline"
    DEPENDENCIES = "holdfast-dependencies"


@dataclass(frozen=True, slots=True)
class Record:
    """A series that is computed once, under a name of its own: `labels that are left:metric:operations`."""

    name: str
    expr: str

    def written(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. `name`: without the prefix. `summary`: what clients feel; `description`: with the numbers. Both are
    templates."""

    name: str
    severity: Severity
    expr: str
    summary: str
    description: str
    dashboard: Dashboard
    #: How long the condition must hold, in Prometheus's notation.
    lasting: str = "0s"
    labels: dict[str, str] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        name = f"Holdfast{self.name}"
        return {
            "alert": name,
            "expr": self.expr,
            **({"for": self.lasting} if self.lasting != "0s" else {}),
            "labels": {"severity": self.severity.value, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"docs/runbooks/{name}.md",
                "dashboard_url": f"/d/{self.dashboard}",
            },
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated in this order, every `interval`."""

    name: str
    interval: str
    rules: Sequence[Record | Alert]


class _Writer(yaml.CSafeDumper):
    """A YAML writer that keeps several lines as several lines."""


def _text(writer: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Writer.add_representer(str, _text)


def as_yaml(groups: Sequence[Group]) -> str:
    """Return a file of rules."""
    written = [
        {"name": group.name, "interval": group.interval, "rules": [rule.written() for rule in group.rules]}
        for group in groups
    ]
    return _HEAD + yaml.dump({"groups": written}, Dumper=_Writer, sort_keys=False, width=1000)
