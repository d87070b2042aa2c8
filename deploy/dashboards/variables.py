"""Variables: what a reader may narrow a dashboard down by."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as m

from deploy.dashboards.source import SOURCE


@dataclass(frozen=True, slots=True)
class Variable:
    """`query`: `label_values(series, label)`. All of them, which is `everything`, by default."""

    name: str
    label: str
    query: str
    everything: str = ".+"


_OURS = "api|writer|external_proxy|dlq_admin"
JOB = Variable("job", "Service", f'label_values(up{{job=~"{_OURS}"}}, job)', _OURS)
INSTANCE = Variable("instance", "Replica", 'label_values(up{job=~"$job"}, instance)')
#: Of a panel about processes.
CHOSEN = 'job=~"$job", instance=~"$instance"'


def variable(it: Variable) -> build.QueryVariable:
    """Grafana's model of it."""
    everything = m.VariableOption(selected=True, text="All", value="$__all")
    return (
        build.QueryVariable(it.name).label(it.label).query(it.query).definition(it.query).datasource(SOURCE)
        .multi(True).include_all(True).all_value(it.everything).current(everything)
        .refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(m.VariableSort.ALPHABETICAL_ASC)
    )  # fmt: skip
