"""States: their words and colours, and the timelines that several dashboards show."""

from deploy.dashboards.colours import DEGRADED, FAILED, GOOD, QUIET, REJECTED
from deploy.dashboards.panel import Timeline

OPENNESS = {0: ("closed", GOOD), 1: ("half open", DEGRADED), 2: ("open", FAILED)}
ACTIVE = {0: ("no", QUIET), 1: ("active", FAILED)}
UP = {0: ("down", FAILED), 1: ("up", GOOD)}
BRAKE = {0: ("no", QUIET), 1: ("yes", REJECTED)}
WRITTEN = {0: ("failed", FAILED), 1: ("written", GOOD)}
URGENCY = {1: ("ticket", DEGRADED), 2: ("warning", REJECTED), 3: ("page", FAILED)}


def breakers(width: int, height: int) -> Timeline:
    """Return the timeline of every service's breakers."""
    return Timeline(
        title="Which breakers caught it?",
        shows="The state of every circuit breaker; of replicas, the worst.",
        normal="closed. During a fault the breaker of what is broken is open: that is containment, not damage.",
        act="open without a fault: its dependency is in unannounced trouble. See Dependencies.",
        unit="short",
        nothing="No breaker has been seen yet",
        queries={"{{job}}: {{breaker}}": "max by (job, breaker) (breaker:holdfast_state:code)"},
        width=width,
        height=height,
        states=OPENNESS,
    )


def alerts(width: int, height: int) -> Timeline:
    """Return the timeline of all firing alerts, except the one that always fires."""
    urgent = " or ".join(
        f'max by (alertname) (ALERTS{{alertstate="firing", severity="{severity}"}}) * {code}'
        for severity, code in (("page", 3), ("warning", 2), ("ticket", 1))
    )
    return Timeline(
        title="Which alerts fire?",
        shows="Firing alerts, and how urgent each is.",
        normal="none. During a fault, the first page within seconds of it.",
        act="open its runbook: docs/runbooks has a page for each.",
        unit="short",
        nothing="No alert fires",
        queries={"{{alertname}}": urgent},
        width=width,
        height=height,
        states=URGENCY,
    )
