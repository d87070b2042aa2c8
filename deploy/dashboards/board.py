"""A dashboard as data → Grafana's model: its frame is the same for all, so that a reader of one knows the others."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as m

from deploy.dashboards.annotations import annotations
from deploy.dashboards.draw import draw
from deploy.dashboards.panel import Row
from deploy.dashboards.variables import Variable, variable

_TAG = "holdfast"
_REFRESH = ("5s", "10s", "30s", "1m", "5m")


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. `uid`: its address, `/d/<uid>`."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()


def drawn(board: Board) -> m.Dashboard:
    """Grafana's model of it."""
    made = (
        build.Dashboard(board.title).uid(board.uid).description(board.about).tags([_TAG])
        .readonly().tooltip(m.DashboardCursorSync.CROSSHAIR).refresh("5s").time("now-15m", "now").timezone("browser")
        .timepicker(build.TimePicker().refresh_intervals(list(_REFRESH))).link(_others())
    )  # fmt: skip
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
    """A finished panel, for a builder that expects builders."""

    def __init__(self, panel: m.Panel) -> None:
        self._panel = panel

    def build(self) -> m.Panel:
        """The panel."""
        return self._panel


def _others() -> build.DashboardLink:
    return (
        build.DashboardLink("Holdfast").type(m.DashboardLinkType.DASHBOARDS).tags([_TAG]).as_dropdown(False)
        .keep_time(True).include_vars(False).target_blank(False).tooltip("The other dashboards, at the same time")
    )  # fmt: skip
