"""What a browser may do with an answer: it obeys the content type, and may do nothing with a document without a policy
of its own."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from holdfast.shared.errors import MalformedHttp
from holdfast.shared.http import docs
from holdfast.shared.http.app import service_app
from holdfast.shared.http.browser import NOTHING, for_a_browser
from holdfast.shared.http.health import Health
from holdfast.shared.http.refuse import refusal

_DOCUMENTS = (
    "text/html",
    "text/html; charset=utf-8",
    " Text/HTML",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
)
_OTHERS = ("application/json", "text/plain", "text/css", "text/javascript", "application/problem+json", "text/html5")


def _app() -> FastAPI:
    app = service_app(Health("test"), title="<i>t", description="d", version="0", add_routes=docs.add_routes)

    @app.api_route("/any", methods=["GET", "POST"])
    async def any_type(request: Request) -> Response:
        return Response(b"<script>alert(1)</script>", media_type=request.query_params["type"])

    @app.get("/streamed")
    async def streamed(_: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"<p>"

        return StreamingResponse(parts(), media_type="text/html")

    @app.get("/away")
    async def away(_: Request) -> Response:
        return RedirectResponse("/any")

    return app


@pytest.fixture
def client() -> httpx.AsyncClient:
    """A client of an application whose handlers set no policy."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(_app()), base_url="http://test")


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/openapi.json", "/nowhere", "/any?type=text/html", "/streamed",
                                  "/away", "/docs", "/docs/start.js", "/any"])  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
async def test_every_answer_is_what_its_type_says(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Every answer, errors and crashes included, has `nosniff` once, states once what caches may keep of it, and HTML
    has one policy, which starts from nothing."""
    answer = await client.request(method, path)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert len(answer.headers.get_list("cache-control")) == 1
    policies = answer.headers.get_list("content-security-policy")
    if "html" in answer.headers.get("content-type", ""):
        assert len(policies) == 1
        assert policies[0].startswith("default-src 'none'")
        assert "unsafe" not in policies[0]
    else:
        assert policies == []


async def test_the_docs_have_nothing_inline(client: httpx.AsyncClient) -> None:
    """The page of the docs has no inline script or style, for which its policy would have to allow whatever a
    description contains."""
    page = (await client.get("/docs")).text
    assert "<script>" not in page
    assert "style=" not in page
    assert "<title>&lt;i&gt;t</title>" in page


@given(st.sampled_from(_DOCUMENTS), st.sampled_from([b"content-type", b"Content-Type"]))
def test_documents_may_do_nothing(kind: str, name: bytes) -> None:
    """A document may do nothing, in whatever case its type is declared, unless it has a policy of its own, which stays
    the only one."""
    assert NOTHING in for_a_browser([(name, kind.encode())])
    assert NOTHING not in for_a_browser([(name, kind.encode()), (b"Content-Security-Policy", b"default-src 'self'")])


@pytest.mark.parametrize("kind", _OTHERS)
def test_what_is_no_document_has_no_policy(kind: str) -> None:
    """An answer that is no document gets no policy, which would be useless bytes on every answer."""
    assert NOTHING not in for_a_browser([(b"content-type", kind.encode())])


def test_broken_http_is_answered_alike() -> None:
    """Broken HTTP that is refused before any application sees it is answered with the same headers."""
    answer = refusal(MalformedHttp(), [])
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    assert b"\r\ncache-control: no-store\r\n" in answer
