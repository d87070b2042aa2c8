"""Methods, conditions and origins, the same on every path of every service."""

from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.runtime.origins import parse_origins
from tests.apps import SERVICES, client_of, make, paths
from tests.keys import OPERATOR, bearer

#: Headers whose values depend on the moment, or are counted down.
_OF_THE_MOMENT = {"x-request-id", "content-length", "ratelimit", "retry-after", "age", "last-modified", "date"}
_EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize("service", SERVICES)
async def test_head_is_a_get_without_its_body(service: str, tmp_path: Path) -> None:
    """On every path that has a GET, HEAD gives the same status and headers and no body."""
    app = make(service, tmp_path)
    async with client_of(app, **({} if service == "writer" else bearer(OPERATOR))) as client:
        for path in paths(app, "GET"):
            get, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (get.status_code, b""), path
            assert set(head.headers) - {"retry-after"} == set(get.headers) - {"retry-after"}, path
            for name in set(get.headers) - _OF_THE_MOMENT:
                assert head.headers[name] == get.headers[name], (path, name)


@pytest.mark.parametrize("service", SERVICES)
async def test_allow_names_every_method_of_a_path(service: str, tmp_path: Path) -> None:
    """Allow, in the answer to OPTIONS (which needs no key) and in every 405, names exactly the methods that the path
    answers."""
    app = make(service, tmp_path)
    every = {path: methods for path in paths(app, "GET") if (methods := _methods(app, path))}
    async with client_of(app) as anybody, client_of(app, **bearer(OPERATOR)) as client:
        for path, methods in every.items():
            answer = await anybody.options(path)
            assert (answer.status_code, answer.content) == (204, b""), path
            assert answer.headers["allow"].split(", ") == sorted(methods | {"OPTIONS", "HEAD"}), path
            if service == "writer" or path.startswith("/console"):
                continue
            for method in set(_EVERY) - methods - {"OPTIONS", "HEAD"}:
                refused = await client.request(method, path)
                assert refused.status_code == 405, (method, path)
                assert refused.headers["allow"] == answer.headers["allow"], (method, path)
        assert (await anybody.options("/nowhere")).status_code == 404


def _methods(app: object, path: str) -> set[str]:
    """Return the methods of all routes with exactly this path."""
    plain = {}
    for route in app.routes:  # type: ignore[attr-defined]
        key = route.path.replace("{", "").replace("}", "").replace(":path", "")
        plain.setdefault(key, set()).update(getattr(route, "methods", None) or set())
    return plain[path] if "/console" not in path else set()


def _tagged() -> object:
    """Return a service with a tagged, a streamed and an untagged resource, and with an answer from a copy."""
    app = service_app(Health("test"), title="t", description="d", version="0")

    @app.get("/tagged")
    async def tagged(_: Request) -> Response:
        return Response(b"whole", headers={"ETag": '"7"', "Cache-Control": "no-cache", "Content-Language": "en"})

    @app.get("/streamed")
    async def streamed(_: Request) -> Response:
        return StreamingResponse(iter([b"a", b"b"]), headers={"ETag": 'W/"a,b"'})

    @app.get("/plain")
    async def plain(_: Request) -> Response:
        return Response(b"plain")

    @app.get("/copy")
    async def copy(request: Request) -> Response:
        request.scope["degraded"] = True
        return Response(b"copy", headers={"ETag": '"7"'})

    return app


@pytest.mark.parametrize(
    ("path", "name", "value", "status"),
    [
        ("/tagged", "If-None-Match", '"7"', 304),
        ("/tagged", "If-None-Match", 'W/"7"', 304),
        ("/tagged", "If-None-Match", '"6", W/"7"', 304),
        ("/tagged", "If-None-Match", "*", 304),
        ("/tagged", "If-None-Match", '"6"', 200),
        ("/tagged", "If-None-Match", '"07"', 200),
        ("/tagged", "If-None-Match", '"6,7"', 200),
        ("/tagged", "If-Match", '"7"', 200),
        ("/tagged", "If-Match", '"6","7"', 200),
        ("/tagged", "If-Match", "*", 200),
        ("/tagged", "If-Match", 'W/"7"', 412),
        ("/tagged", "If-Match", '"6"', 412),
        ("/tagged", "If-None-Match", "7", 400),
        ("/tagged", "If-Match", '"7', 400),
        ("/streamed", "If-None-Match", '"a,b"', 304),
        ("/streamed", "If-Match", 'W/"a,b"', 412),
        ("/plain", "If-None-Match", '"7"', 200),
        ("/plain", "If-None-Match", "*", 304),
        ("/plain", "If-Match", '"7"', 412),
        ("/copy", "If-None-Match", '"7"', 200),
        ("/missing", "If-Match", '"7"', 404),
        ("/missing", "If-None-Match", "*", 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_on_conditions(path: str, name: str, value: str, status: int, method: str) -> None:
    """A conditional read gets 304 if its version is known, 412 if it is another, and 400 for a malformed condition.
    Errors and copies are answered as without conditions."""
    async with client_of(_tagged()) as client:  # type: ignore[arg-type]
        answer = await client.request(method, path, headers={name: value})
    assert answer.status_code == status
    assert "x-request-id" in answer.headers
    assert answer.headers["vary"] == "Accept"
    if status == 304:
        assert (answer.content, "content-length" in answer.headers) == (b"", False)
        assert ("etag" in answer.headers) == (path != "/plain")
        assert answer.headers["cache-control"] == ("no-cache" if path == "/tagged" else "no-store")
    elif status >= 400 and method == "GET":
        codes = {400: "INVALID_CONDITION", 404: "PATH_NOT_FOUND", 412: "PRECONDITION_FAILED"}
        assert answer.json()["error"]["code"] == codes[status]


async def test_both_conditions_in_their_order() -> None:
    """If-Match is evaluated before If-None-Match, and several lines of a header are one list."""
    async with client_of(_tagged()) as client:  # type: ignore[arg-type]

        async def status(*headers: tuple[str, str]) -> int:
            return (await client.get("/tagged", headers=list(headers))).status_code

        assert await status(("If-Match", '"6"'), ("If-None-Match", '"7"')) == 412
        assert await status(("If-Match", '"7"'), ("If-None-Match", '"7"')) == 304
        assert await status(("If-Match", '"6"'), ("If-Match", '"7"')) == 200
        assert await status(("If-None-Match", '"6"'), ("If-None-Match", 'W/"7"')) == 304
        assert await status(("If-None-Match", '"6"'), ("If-None-Match", "*")) == 400


async def test_origins_that_are_named_and_no_others(tmp_path: Path) -> None:
    """Pages of a configured origin may read every answer, refusals included. An answer to any other origin has no CORS
    header."""
    app = make("api", tmp_path, http_cors_origins="https://app.example, http://localhost:3000", api_timeout_s=5)
    async with client_of(app) as client:
        for origin in ("https://app.example", "http://localhost:3000"):
            asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH",
                     "Access-Control-Request-Headers": "if-match, idempotency-key"}  # fmt: skip
            preflight = await client.options("/users/1", headers=asked)
            assert preflight.status_code == 204
            assert preflight.headers["access-control-allow-origin"] == origin
            assert preflight.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
            taken = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
            assert {"if-match", "idempotency-key", "prefer", "x-request-id", "authorization", "content-type"} <= taken
            for path, headers in (("/livez", {}), ("/nowhere", {}), ("/users", {"Authorization": "Bearer wrong"}),
                                  ("/users", {"X-Request-Timeout-Ms": "nonsense"})):  # fmt: skip
                answer = await client.get(path, headers=headers | {"Origin": origin})
                assert answer.headers["access-control-allow-origin"] == origin, path
                shown = answer.headers["access-control-expose-headers"].lower()
                assert all(name in shown for name in ("etag", "retry-after", "ratelimit", "x-degraded", "x-request-id"))
                assert "Origin" in answer.headers.get_list("vary")
        for origin in ("https://evil.example", "null", "https://app.example.evil", "HTTPS://APP.EXAMPLE", "*"):
            for answer in (await client.get("/livez", headers={"Origin": origin}),
                           await client.options("/users", headers=asked | {"Origin": origin})):  # fmt: skip
                assert not [name for name in answer.headers if name.startswith("access-control-")], origin
                assert "Origin" in answer.headers.get_list("vary")


async def test_no_origins_without_the_setting(tmp_path: Path) -> None:
    """Without the setting, no answer has a CORS header."""
    async with client_of(make("api", tmp_path)) as client:
        answer = await client.get("/livez", headers={"Origin": "https://app.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Accept"


@pytest.mark.parametrize("text", ["*", "app.example", "https://app.example/", "https://app.example/x", "null",
                                  "https://u@app.example", "ftp://app.example", "https://", "https://a b"])  # fmt: skip
def test_what_is_no_origin_is_refused_at_the_start(text: str) -> None:
    """A configured origin that is malformed, or is `*`, is refused at the start."""
    with pytest.raises(ValueError, match="origin"):
        parse_origins(f"https://fine.example,{text}")
