"""Annotations over every panel: faults as regions, breakers that opened, replays, pages."""

from dataclasses import dataclass
from typing import cast

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery

from deploy.dashboards.colours import DEGRADED, FAILED, OTHER, REJECTED
from deploy.dashboards.source import OWN, SOURCE


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark wherever `expr` has a value; `title` names it."""

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
    """Grafana's model of them, and of those that our services send to Grafana themselves."""
    return [_own(), *(_of(it) for it in ANNOTATIONS)]


def _of(it: Annotation) -> build.AnnotationQuery:
    return (
        build.AnnotationQuery().name(it.name).datasource(SOURCE).enable(True).hide(False).icon_color(it.colour)
        .expr(it.expr).step("5s").title_format(it.title).use_value_for_time(False)
    )  # fmt: skip


def _own() -> build.AnnotationQuery:
    target = build.AnnotationTarget().type("tags").tags(["holdfast"]).limit(100).match_any(False)
    return (
        build.AnnotationQuery().name("Operators' actions").datasource(OWN).enable(True).hide(False).icon_color(OTHER)
        .target(cast("Builder[Dataquery]", target))  # Grafana's own source takes no PromQL
    )  # fmt: skip
