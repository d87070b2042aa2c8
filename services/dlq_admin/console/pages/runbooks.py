"""Runbooks: the page of each alert from `docs/runbooks`. They are shipped with the service."""

from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.links import RUNBOOKS, Links
from holdfast.services.dlq_admin.console.render.markdown import rendered
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.shared.errors import NoSuchPath

_FOLDER = Path(__file__).parents[2] / "runbooks"
_LIST = "README"


def names() -> frozenset[str]:
    """Return the names of all pages."""
    return frozenset(path.stem for path in _FOLDER.glob("*.md"))


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the list and each runbook."""
    links = Links(None, backend.pictures.dashboards, ())
    texts = {name: (_FOLDER / f"{name}.md").read_text() for name in names()}

    def resolve(address: str) -> str | None:
        """Return the address of another runbook or of a dashboard. Return None for other documents: they are not
        shipped with the service."""
        if address.startswith("/"):
            return links.dashboard(address)
        name = address.partition("#")[0].removesuffix(".md")
        return f"{RUNBOOKS}/{name}" if name in texts else None

    def shown(request: Request, name: str) -> Response:
        if name not in texts:
            raise NoSuchPath()
        title = texts[name].splitlines()[0].lstrip("# ")
        return pages.page(request, "runbook.html", title=title, text=rendered(texts[name], resolve), one=name != _LIST)

    @router.get(RUNBOOKS)
    async def runbooks(request: Request) -> Response:
        return shown(request, _LIST)

    @router.get(RUNBOOKS + "/{name}")
    async def runbook(request: Request, name: str) -> Response:
        return shown(request, name)
