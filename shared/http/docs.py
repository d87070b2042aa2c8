"""Docs: serves the API's document as a page, to read and to try. All files of the page come from this service, because
an operator's browser may have no access to other servers."""

import html
import json
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from holdfast.shared.http.open_paths import DOCS, DOCS_SCRIPT, DOCS_START, DOCS_STYLE

_FILES = Path(fastapi_offline.__file__).parent / "static"
_DAY = {"Cache-Control": "public, max-age=86400"}
#: Allows only our own files and nothing inline, so that no text of the document ever runs. The style sheet has data
#: images.
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<script src="{script}" defer></script>
<script src="{start}" defer></script>
</head>
<body><div id="swagger-ui"></div></body>
</html>
"""
_START = """SwaggerUIBundle({
  url: %s,
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
"""


def add_routes(app: FastAPI) -> None:
    """Add the page, its scripts and its style sheet. They are not in the API's document."""
    page = _PAGE.format(title=html.escape(app.title), style=DOCS_STYLE, script=DOCS_SCRIPT, start=DOCS_START)
    start = _START % json.dumps(app.openapi_url)

    @app.get(DOCS, include_in_schema=False)
    async def read(request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=_POLICY)

    @app.get(DOCS_START, include_in_schema=False)
    async def read_start(request: Request) -> Response:
        return Response(start, media_type="text/javascript")

    @app.get(DOCS_SCRIPT, include_in_schema=False)
    async def read_script(request: Request) -> FileResponse:
        return FileResponse(_FILES / "swagger-ui-bundle.js", headers=_DAY)

    @app.get(DOCS_STYLE, include_in_schema=False)
    async def read_style(request: Request) -> FileResponse:
        return FileResponse(_FILES / "swagger-ui.css", headers=_DAY)
