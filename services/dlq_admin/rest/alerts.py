"""`/alerts`: Alertmanager posts alerts here, and callers read which ones fire now. Replicas share them through the
cache Redis: see `alerts/alerts.py`."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.alerts.alerts import AlertReport, Alerts, AlertsTaken
from holdfast.services.dlq_admin.alerts.notice import Posted
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import read_input

_EXAMPLE = {
    "version": "4",
    "status": "firing",
    "truncatedAlerts": 0,
    "alerts": [
        {
            "status": "firing",
            "fingerprint": "c3f9c1a7d0b2e4f6",
            "startsAt": "2026-01-15T10:30:00Z",
            "labels": {"alertname": "HoldfastBreakerOpen", "severity": "warning", "job": "api"},
            "annotations": {"summary": "Reads come from copies", "dashboard_url": "/d/holdfast-dependencies"},
        }
    ],
}


def add_routes(app: FastAPI, alerts: Alerts) -> None:
    """Add both routes."""

    @app.post(
        "/alerts",
        **documented(
            "alerts",
            "Receive Alertmanager's webhook, version 4",
            "How many alerts began or stopped firing.",
            AlertsTaken,
            sent=(Posted, _EXAMPLE),
        ),
    )
    async def take_alerts(request: Request) -> Response:
        return answered(request, AlertsTaken(moved=await alerts.take(await read_input(request, Posted))))

    @app.get(
        "/alerts",
        **documented(
            "alerts",
            "List the firing alerts, the worst first",
            "`watchdog.alive` is null if no watchdog was ever received.",
            AlertReport,
        ),
    )
    async def get_alerts(request: Request) -> Response:
        return answered(request, alerts.report())
