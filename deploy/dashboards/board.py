"""Board: builds Grafana's model of a dashboard from data. All dashboards share a frame, with the same marks over every
panel and the same variables, so that a reader of one knows the others."""

from dataclasses import dataclass
from typing import cast

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as m

from deploy.dashboards.colours import DEGRADED, FAILED, OTHER, REJECTED
from deploy.dashboards.draw import draw
from deploy.dashboards.panel import Row
from deploy.dashboards.source import OWN, SOURCE


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable. `query`: `label_values(series, label)`. The default is All, whose value is `everything`."""

    name: str
    label: str
    query: str
    everything: str = ".+"


_OURS = "api|writer|external_proxy|dlq_admin"
JOB = Variable("job", "Service", f'label_values(up{{job=~"{_OURS}"}}, job)', _OURS)
INSTANCE = Variable("instance", "Replica", 'label_values(up{job=~"$job"}, instance)')
#: The variable for panels about processes.
CHOSEN = 'job=~"$job", instance=~"$instance"'


def variable(it: Variable) -> build.QueryVariable:
    """Return Grafana's model of a variable."""
    everything = m.VariableOption(selected=True, text="All", value="$__all")
    return (
        build.QueryVariable(it.name)
        .label(it.label)
        .query(it.query)
        .definition(it.query)
        .datasource(SOURCE)
        .multi(True)
        .include_all(True)
        .all_value(it.everything)
        .current(everything)
        .refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(m.VariableSort.ALPHABETICAL_ASC)
    )


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark wherever `expr` has a value. `title`: its text."""

    name: str
    expr: str
    title: str
    colour: str


ANNOTATIONS = (
    Annotation(
        "Faults", "max by (fault, target) (holdfast_fault_active) == 1", "Fault: {{fault}} → {{target}}", FAILED
    ),
    Annotation("Breakers open", "breaker:holdfast_state:code == 2", "Breaker open: {{breaker}} in {{job}}", REJECTED),
    Annotation("Replays", "sum (holdfast_replays_driven) > 0", "A replay is running", OTHER),
    Annotation(
        "Pages", 'max by (alertname) (ALERTS{alertstate="firing", severity="page"})', "Page: {{alertname}}", DEGRADED
    ),
)


def annotations() -> list[build.AnnotationQuery]:
    """Return Grafana's model of the annotations, and of those that our services send to Grafana."""
    return [_own(), *(_of(it) for it in ANNOTATIONS)]


def _of(it: Annotation) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name(it.name)
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(it.colour)
        .expr(it.expr)
        .step("5s")
        .title_format(it.title)
        .use_value_for_time(False)
    )


def _own() -> build.AnnotationQuery:
    target = build.AnnotationTarget().type("tags").tags(["holdfast"]).limit(100).match_any(False)
    return (
        build.AnnotationQuery()
        .name("Operators' actions")
        .datasource(OWN)
        .enable(True)
        .hide(False)
        .icon_color(OTHER)
        .target(cast("Builder[Dataquery]", target))  # Grafana's own data source takes no PromQL
    )


_TAG = "holdfast"
_REFRESH = ("5s", "10s", "30s", "1m", "5m")


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `uid`: the end of its address, `/d/<uid>`."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


def drawn(board: Board) -> m.Dashboard:
    """Return Grafana's model of the dashboard."""
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([_TAG])
        .readonly()
        .tooltip(m.DashboardCursorSync.CROSSHAIR)
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .timepicker(build.TimePicker().refresh_intervals(list(_REFRESH)))
        .link(_others())
    )
    for each in annotations():
        made = made.annotation(each)
    for each_variable in board.variables:
        made = made.with_variable(variable(each_variable))
    number = 0
    for row in board.rows:
        number += 1
        made = made.with_row(build.Row(row.question).id(number))
        for panel in row.panels:
            number += 1
            made = made.with_panel(_Drawn(draw(panel, number)))
    dashboard = made.build()
    for each_shown in [*(dashboard.links or ()), *((dashboard.annotations and dashboard.annotations.list_val) or ())]:
        each_shown.placement = None  # visible; the builder's default hides them in a menu
    return dashboard


class _Drawn(Builder[m.Panel]):
    """A finished panel, in the form that a builder expects."""

    def __init__(self, panel: m.Panel) -> None:
        self._panel = panel

    def build(self) -> m.Panel:
        """Return the panel."""
        return self._panel


def _others() -> build.DashboardLink:
    return (
        build.DashboardLink("Holdfast")
        .type(m.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(False)
        .keep_time(True)
        .include_vars(False)
        .target_blank(False)
        .tooltip("The other dashboards, at the same time")
    )
