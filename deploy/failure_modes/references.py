"""References: alerts, limits and measurements in a cell, by their names in the code. A name that does not exist is an
error when the table is imported. No number is written by hand."""

import json
from pathlib import Path
from statistics import median

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.reference.services import SERVICES
from deploy.rules.files import groups
from deploy.rules.profile import PRODUCTION, Profile
from deploy.rules.profile import seconds as in_seconds
from deploy.rules.rule import Alert
from holdfast.shared.errors import AppError
from holdfast.shared.runtime import time_budgets
from holdfast.shared.runtime.variables import variable_of

_DOCS = Path(__file__).parent.parent.parent / "docs"

#: Alerts that compare an age -> the limit in the profile, and how many times that limit the age has to exceed.
_AGES = {
    "PipelineStale": ("stale_s", 1), "HeartbeatStale": ("heartbeat_s", 1), "ProbeStale": ("blind_s", 1),
    "RecoveryOverdue": ("overdue_s", 1), "DeadLettersStale": ("stale_s", 10),
}  # fmt: skip


def alert(name: str) -> str:
    """Return a link to an alert's runbook, and how long its condition lasts before it fires in production."""
    return f"[{name}](runbooks/Holdfast{name}.md){_fires(name, PRODUCTION)}"


def runbook(name: str) -> str:
    """Return a link to an alert's runbook."""
    _alerts(name, PRODUCTION)
    return f"[{name}](runbooks/Holdfast{name}.md)"


def page(path: str, text: str) -> str:
    """Return a link to a page of docs/."""
    if not (_DOCS / path).is_file():
        raise ValueError(f"docs/{path} does not exist")
    return f"[{text}]({path})"


def setting(name: str, of: str = "") -> str:
    """Return the default of a setting `of` a service, linked to the settings."""
    services = [SERVICES[of]] if of else SERVICES.values()
    fields = [model.model_fields[name] for model in services if name in model.model_fields]
    if not fields:
        raise ValueError(f"no service has the setting {name}")
    value = fields[0].default
    shown = spoken(value) if name.endswith("_s") else f"{value:,}"
    return f'[{shown}](reference/settings.md "{variable_of(name, fields[0])}")'


def limit(name: str) -> str:
    """Return a constant of the time budgets, linked to them."""
    return f'[{spoken(getattr(time_budgets, name))}](reference/time-budgets.md "{name}")'


def measured(fault: str, phase: str) -> str:
    """Return the median of a phase of a recovery, as `make test-recovery-time` last measured it."""
    repeats = json.loads((_DOCS / "benchmarks/recovery.json").read_text())[fault]["repeats"]
    value = median(repeat[phase] for repeat in repeats)
    return f'[{value:.2g} s](benchmarks/recovery.md "measured: {fault}, {phase}")'


def metric(declared: MetricWrapperBase) -> str:
    """Return the name of a metric, as Prometheus has it."""
    return f"`{declared._name}{'_total' if isinstance(declared, Counter) else ''}`"


def error(kind: type[AppError]) -> str:
    """Return the code of an error."""
    return f"`{kind.code}`"


def spoken(seconds: float) -> str:
    """Format `90` as `90 s`, and `120` as `2 min`."""
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit_s and seconds % unit_s == 0:
            return f"{seconds / unit_s:g} {unit}"
    return f"{seconds:g} s"


def _fires(name: str, profile: Profile) -> str:
    age, times = _AGES.get(name, ("stale_s", 0))
    longest_s = times * getattr(profile, age) + max(in_seconds(each.lasting) for each in _alerts(name, profile))
    return f" ({spoken(longest_s)})" if longest_s else ""


def _alerts(name: str, profile: Profile) -> list[Alert]:
    found = [rule for group in groups(profile) for rule in group.rules if isinstance(rule, Alert) and rule.name == name]
    if not found:
        raise ValueError(f"there is no alert {name}")
    return found
