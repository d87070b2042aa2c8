"""Pages: renders templates as answers. Everything is escaped; an unknown name in a template is an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from holdfast.services.dlq_admin import away
from holdfast.services.dlq_admin.console.render import chart, labels, moments, visible
from holdfast.services.dlq_admin.console.render.advice import STEPS, address, next_step
from holdfast.services.dlq_admin.console.render.assets import Assets
from holdfast.services.dlq_admin.console.render.parts import PartedTemplate
from holdfast.shared.errors import AppError
from holdfast.shared.http.keys import OPERATE
from holdfast.shared.runtime.build import build_id
from holdfast.shared.runtime.timestamps import precise, utc_now
from holdfast.shared.writes.ledger import balance

_TEMPLATES = Path(__file__).parents[1] / "templates"


class Pages:
    """The templates, with the values that every page needs."""

    def __init__(self, assets: Assets, alerts: Callable[[], dict[str, Any]]) -> None:
        """Load the templates. `alerts`: returns what fires now, for the strip of every page."""
        self.build = build_id()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            finalize=visible.inert,
        )
        self._templates.template_class = PartedTemplate
        self._templates.globals.update(
            asset=assets.url,
            alerts=alerts,
            build=self.build,
            bars=chart.bars,
            shares=chart.shares,
            label=labels.label,
            next_step=next_step,
            STEPS=STEPS,
            address=address,
            balance=balance,
            LABELS_STATES=labels.STATES,
            LABELS_REASONS=labels.REASONS,
            LABELS_ITEMS=labels.ITEMS,
            LABELS_ORDERS=labels.ORDERS,
        )
        self._templates.filters.update(
            show=visible.visible,
            pretty=visible.pretty,
            entry_value=visible.entry_value,
            typed=visible.typed,
            exact=visible.exact,
            ago=moments.ago,
            clock=moments.clock,
            to_type_in=moments.to_type_in,
            lasting=moments.lasting,
            size=moments.size,
            partitions=away.named,
            silent=away.silent,
            breaker_name=lambda one: f"{one.service}/{one.name}",
            n=lambda count: f"{count:,}",
        )

    def page(self, request: Request, template: str, status: int = 200, **about: Any) -> Response:
        """Render a template with the principal and the token for forms."""
        principal = request.scope.get("principal")
        logged_in = request.scope.get("console")
        context = {
            "who": principal,
            "may_operate": principal is not None and principal.may(OPERATE),
            "csrf": logged_in.csrf if logged_in else "",
            "path": request.url.path,
            "viewed": request.method == "GET",
            "request_id": request.scope["request_id"],
            "now": precise(utc_now()),
        }
        return HTMLResponse(self._templates.get_template(template).render(context | about), status)

    def error(self, request: Request, error: AppError, status: int) -> Response:
        """Render what went wrong, and whether to try again, which is a link if the page was only viewed."""
        again = f"{request.url.path}?{request.url.query}" if error.retryable and request.method == "GET" else None
        return self.page(request, "error.html", status, error=error, code=status, again=again, back=_came_from(request))


def _came_from(request: Request) -> str | None:
    """Return the console's page that the caller came from, or None if it was this page or is not one of the
    console's."""
    came = urlsplit(request.headers.get("referer", ""))
    here = (request.headers.get("host"), request.url.path)
    if came.netloc != here[0] or came.path == here[1] or not came.path.startswith("/console"):
        return None
    return came.path + (f"?{came.query}" if came.query else "")
