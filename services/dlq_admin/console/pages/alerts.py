"""Alerts: the strip that shows on every page which alerts fire."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.alerts.notice import Notice
from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.links import Links
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.shared.runtime.timestamps import precise

_SHOWN = 4
_MORE_SHOWN = 50
_TONES = {"page": "bad", "ticket": "warn", "warning": "warn"}


def add_routes(router: APIRouter, pages: Pages, _: Backend) -> None:
    """Add the route that refreshes the strip."""

    @router.get("/console/alerts")
    async def alerts(request: Request) -> Response:
        return pages.page(request, "alerts.html")


def strip(alerts: Alerts, links: Links) -> Callable[[], dict[str, Any]]:
    """Return a function that makes the strip's template values as of the call."""

    def now() -> dict[str, Any]:
        firing = alerts.firing()
        first, rest = firing[:_SHOWN], firing[_SHOWN : _SHOWN + _MORE_SHOWN]
        return {
            "first": [_line(each, links) for each in first],
            "rest": [_line(each, links) for each in rest],
            "unshown": len(firing) - len(first) - len(rest) + alerts.left_out,
            "watch": alerts.watch(),
            "watch_at": _moment(alerts.watch().received_s),
        }

    return now


def _line(notice: Notice, links: Links) -> dict[str, Any]:
    return {
        "fingerprint": notice.fingerprint,
        "name": notice.name.removeprefix("Holdfast"),
        "severity": notice.severity,
        "tone": _TONES.get(notice.severity, "calm"),
        "summary": notice.summary,
        "description": notice.description,
        "since": _moment(notice.since_s or None),
        "as_of": _moment(notice.received_s),
        "runbook": notice.runbook,
        "runbook_link": links.runbook(notice.runbook),
        "dashboard_link": links.dashboard(notice.dashboard),
    }


def _moment(at_s: float | None) -> str | None:
    return None if at_s is None else precise(datetime.fromtimestamp(at_s, UTC))
