"""Draw: builds Grafana's model of a panel from data."""

from collections.abc import Iterable, Mapping
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, statetimeline, table, text
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as m
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model
from grafana_foundation_sdk.models.text import TextMode

from deploy.dashboards import colours
from deploy.dashboards.panel import (
    AnyPanel,
    Bars,
    Heat,
    Limits,
    Lines,
    Number,
    Panel,
    States,
    Table,
    Text,
    Timeline,
)
from deploy.dashboards.source import SOURCE

_LETTERS = "ABCDEFGHIJ"
#: A longer interval between two samples is a gap: four scrapes.
_GAP_MS = 20_000
#: Not the last known value: what is unknown now is shown as unknown.
_LAST = ["last"]


def draw(panel: AnyPanel, number: int) -> m.Panel:
    """Return the model of a panel. `number`: the id that links use."""
    match panel:
        case Text():
            return (
                text.Panel()
                .id(number)
                .title(panel.title)
                .description(panel.shows)
                .span(panel.width)
                .height(panel.height)
                .mode(TextMode.MARKDOWN)
                .content(panel.markdown)
                .build()
            )
        case Panel():
            drawn = _kind(panel)
    drawn.id_val, drawn.title, drawn.datasource = number, panel.title, SOURCE
    drawn.description = f"{panel.shows}\n\n**Normal:** {panel.normal}\n\n**Otherwise:** {panel.act}"
    drawn.grid_pos = m.GridPos(h=panel.height, w=panel.width)
    assert drawn.field_config is not None  # noqa: S101 - every builder makes one
    drawn.field_config.defaults.unit = panel.unit
    drawn.field_config.defaults.no_value = panel.nothing
    drawn.field_config.overrides = [*_coloured(panel.queries), *_on_the_right(panel)]
    drawn.targets = [
        _target(query, letter, panel) for query, letter in zip(panel.queries.items(), _LETTERS, strict=False)
    ]
    return drawn


def _kind(panel: Panel) -> m.Panel:
    match panel:
        case Lines():
            return _lines(panel)
        case Timeline():
            return _timeline(panel)
        case Number():
            return _number(panel)
        case Bars():
            return _bars()
        case Table():
            return _table(panel)
        case Heat():
            return _heat()
        case _:
            raise TypeError(type(panel))


def _lines(panel: Lines) -> m.Panel:
    plain = panel.stack == "none"
    drawn = (
        lines.Panel()
        .draw_style(c.GraphDrawStyle.BARS if panel.bars else c.GraphDrawStyle.LINE)
        .line_width(2 if plain else 1)
        .fill_opacity(8 if plain else 70)
        .show_points(c.VisibilityMode.NEVER)
        .span_nulls(False)
        .insert_nulls(_GAP_MS)
        .stacking(common.StackingConfig().mode(c.StackingMode(panel.stack)).group("A"))
        .legend(_legend())
        .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.MULTI).sort(c.SortOrder.DESCENDING))
        .color_scheme(build.FieldColor().mode(m.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .axis_soft_min(0)
    )
    if panel.share:
        drawn = drawn.min(0).max(1)
    elif not panel.log:
        drawn = drawn.min(0)
    if panel.log:
        drawn = drawn.scale_distribution(common.ScaleDistributionConfig().type(c.ScaleDistribution.LOG).log(10))
    if panel.limits:
        drawn = drawn.thresholds(_limits(panel.limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED)
        )
    return drawn.build()


def _timeline(panel: Timeline) -> m.Panel:
    return (
        statetimeline.Panel()
        .mappings([_states(panel.states)])
        .thresholds(_limits(((None, colours.QUIET),)))
        .color_scheme(build.FieldColor().mode(m.FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(c.VisibilityMode.AUTO)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(85)
        .insert_nulls(_GAP_MS)
        .align_value(c.TimelineValueAlignment.LEFT)
        .legend(
            common.VizLegendOptions()
            .show_legend(False)
            .display_mode(c.LegendDisplayMode.LIST)
            .placement(c.LegendPlacement.BOTTOM)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(c.TooltipDisplayMode.SINGLE).sort(c.SortOrder.NONE))
        .build()
    )


def _number(panel: Number) -> m.Panel:
    drawn = (
        stat.Panel()
        .reduce_options(_now())
        .thresholds(_limits(panel.limits))
        .color_scheme(build.FieldColor().mode(m.FieldColorModeId.THRESHOLDS))
        .color_mode(c.BigValueColorMode.BACKGROUND if not panel.trend else c.BigValueColorMode.VALUE)
        .graph_mode(c.BigValueGraphMode.AREA if panel.trend else c.BigValueGraphMode.NONE)
        .text_mode(c.BigValueTextMode.VALUE_AND_NAME if panel.named else c.BigValueTextMode.VALUE)
        .justify_mode(c.BigValueJustifyMode.AUTO)
        .orientation(c.VizOrientation.AUTO)
        .wide_layout(True)
    )
    return (drawn if panel.decimals is None else drawn.decimals(panel.decimals)).build()


def _bars() -> m.Panel:
    return (
        bargauge.Panel()
        .reduce_options(_now())
        .orientation(c.VizOrientation.HORIZONTAL)
        .min(0)
        .display_mode(c.BarGaugeDisplayMode.BASIC)
        .value_mode(c.BarGaugeValueMode.TEXT)
        .show_unfilled(True)
        .thresholds(_limits(((None, colours.GOOD),)))
        .color_scheme(build.FieldColor().mode(m.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .build()
    )


def _table(panel: Table) -> m.Panel:
    value = {"Value": panel.value} if panel.value else {}
    shown = dict(panel.columns) | value
    organize = {
        "excludeByName": {"Time": True} | ({} if panel.value else {"Value": True}),
        "indexByName": {name: at for at, name in enumerate(shown)},
        "renameByName": shown,
    }
    return (
        table.Panel().show_header(True).transformations([m.DataTransformerConfig("organize", options=organize)]).build()
    )


def _heat() -> m.Panel:
    colour = heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    return heatmap.Panel().calculate(False).color(colour).cell_gap(1).show_legend().build()


def _target(query: tuple[str, str], letter: str, panel: Panel) -> prometheus_model.Dataquery:
    legend, expr = query
    asked = prometheus.Dataquery().ref_id(letter).expr(expr).legend_format(legend).datasource(SOURCE)
    asked = asked.editor_mode(prometheus_model.QueryEditorMode.CODE)
    match panel:
        case Table():
            asked = asked.instant().format(prometheus_model.PromQueryFormat.TABLE)
        case Bars():
            asked = asked.instant().format(prometheus_model.PromQueryFormat.TIME_SERIES)
        case Heat():
            asked = asked.range().format(prometheus_model.PromQueryFormat.HEATMAP)
        case _:
            asked = asked.range().format(prometheus_model.PromQueryFormat.TIME_SERIES)
    return asked.build()


def _coloured(legends: Iterable[str]) -> Iterable[m.DashboardFieldConfigSourceOverrides]:
    for legend in legends:
        for name, colour in colours.of(legend):
            yield _override("byName", name, {"color": {"mode": "fixed", "fixedColor": colour}})


def _on_the_right(panel: Panel) -> Iterable[m.DashboardFieldConfigSourceOverrides]:
    right = panel.right if isinstance(panel, Lines) else {}
    for legend, letter in zip(panel.queries, _LETTERS, strict=False):
        if legend in right:
            where = {"unit": right[legend], "custom.axisPlacement": "right", "custom.lineStyle": {"fill": "dash"}}
            yield _override("byFrameRefID", letter, where)


def _override(kind: str, which: str, values: Mapping[str, Any]) -> m.DashboardFieldConfigSourceOverrides:
    properties = [m.DynamicConfigValue(name, value) for name, value in values.items()]
    return m.DashboardFieldConfigSourceOverrides(matcher=m.MatcherConfig(kind, which), properties=properties)


def _limits(limits: Limits) -> build.ThresholdsConfig:
    steps = [m.Threshold(value, colour) for value, colour in limits]
    return build.ThresholdsConfig().mode(m.ThresholdsMode.ABSOLUTE).steps(steps)


def _states(states: States) -> m.ValueMap:
    return m.ValueMap(
        {
            str(value): m.ValueMappingResult(text=word, color=colour, index=at)
            for at, (value, (word, colour)) in enumerate(sorted(states.items()))
        }
    )


def _legend() -> common.VizLegendOptions:
    shown = common.VizLegendOptions().show_legend(True).display_mode(c.LegendDisplayMode.LIST)
    return shown.placement(c.LegendPlacement.BOTTOM).calcs([])


def _now() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(_LAST).fields("").values(False)
