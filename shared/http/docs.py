"""Docs: an application's description of itself as a page to read and try. Everything that it is made of comes from
here: who is on call may reach nothing else."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse

from shared.http.open_to import DOCS, DOCS_SCRIPT, DOCS_STYLE

_FILES = Path(fastapi_offline.__file__).parent / "static"
_DAY = {"Cache-Control": "public, max-age=86400"}


def add_routes(app: FastAPI) -> None:
    """The page, its script and its style, none of them in the description."""
    page = bytes(
        get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title=app.title,
            swagger_js_url=DOCS_SCRIPT,
            swagger_css_url=DOCS_STYLE,
            swagger_favicon_url="data:,",
            swagger_ui_parameters={"docExpansion": "list", "defaultModelsExpandDepth": 0},
        ).body
    )  # the text alone: a response is for one request

    @app.get(DOCS, include_in_schema=False)
    async def read(request: Request) -> HTMLResponse:
        return HTMLResponse(page)

    @app.get(DOCS_SCRIPT, include_in_schema=False)
    async def read_script(request: Request) -> FileResponse:
        return FileResponse(_FILES / "swagger-ui-bundle.js", headers=_DAY)

    @app.get(DOCS_STYLE, include_in_schema=False)
    async def read_style(request: Request) -> FileResponse:
        return FileResponse(_FILES / "swagger-ui.css", headers=_DAY)
