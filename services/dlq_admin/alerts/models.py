"""Models: alerts as answers show them."""

from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel


class FiringAlert(ResponseModel):
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    description: str
    runbook_url: str
    dashboard_url: str
    labels: dict[str, str]
    since: Moment | None
    heard_at: Moment
    fingerprint: str


class Watchdog(ResponseModel):
    """The alert that always fires. `alive` null: none was ever seen."""

    alive: bool | None
    heard_at: Moment | None


class AlertReport(ResponseModel):
    """What fires now, the worst first. `left_out`: alerts that are not listed."""

    alerts: list[FiringAlert]
    left_out: Count
    watchdog: Watchdog


class AlertsTaken(ResponseModel):
    """How many alerts fire now that did not, or no longer do."""

    moved: Count
