"""Every endpoint of every service that answers over HTTP."""

from collections.abc import Callable, Mapping
from typing import Any

from deploy.reference.markdown import page, table
from holdfast.services.api import access as api_access
from holdfast.services.api.app import make_app as api_app
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.rest import access as dlq_access
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy import access as proxy_access
from holdfast.services.external_proxy.app import make_app as proxy_app
from holdfast.services.external_proxy.settings import ProxySettings

Scope = Callable[[str, str], str | None]

_ABOUT = """Every endpoint, the [scope](../operations/keys.md) that a key needs for it, and the statuses it answers
with. Each service serves its OpenAPI document, with every schema and example, at `/openapi.json`; api and
dlq_admin also show it as a page, at `/docs`. On the demo profile `read` and `write` need no key. Any request may also
be answered with 401, 403, 414, 500, 503 or 504; every error has [a code](errors.md)."""
_HEAD = ("method", "path", "what", "scope", "answers")
#: Addresses to which no connection is made.
_DSN = "mysql://user:password@host/db"
#: Errors that are possible for any request, and listed once, above the tables.
_ANYWHERE = {"401", "403", "414", "500", "503", "504"}
_METHODS = ("get", "post", "put", "patch", "delete")


def endpoints() -> str:
    """Return the page."""
    return page(
        "Endpoints",
        _ABOUT,
        _part("api, port 8080", api_app(ApiSettings(profile="demo", db_dsn=_DSN)).openapi(), api_access.scope_needed),
        _part(
            "dlq_admin, port 8082",
            DlqAdmin(DlqAdminSettings(profile="demo", db_dsn=_DSN)).http().openapi(),
            dlq_access.scope_needed,
        ),
        _part(
            "external_proxy, port 8081", proxy_app(ProxySettings(profile="demo")).openapi(), proxy_access.scope_needed
        ),
    )


def _part(title: str, document: Mapping[str, Any], scope: Scope) -> str:
    rows = [
        _row(method, path, operations[method], scope)
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations
    ]
    return f"## {title}\n\n{table(_HEAD, rows)}"


def _row(method: str, path: str, operation: Mapping[str, Any], scope: Scope) -> tuple[str, ...]:
    answers = sorted(code for code in operation["responses"] if code not in _ANYWHERE)
    needed = scope(method.upper(), path)
    return (
        method.upper(),
        f"`{path}`",
        str(operation.get("summary", "")),
        f"`{needed}`" if needed else "",
        ", ".join(answers),
    )
