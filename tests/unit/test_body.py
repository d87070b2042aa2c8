"""Bodies are read as they are: compressed ones and other character sets are refused, and the answer says what is
accepted."""

import gzip
from pathlib import Path

import pytest

from tests.apps import client_of, make
from tests.keys import OPERATOR, bearer

_JSON = b'{"name": "Ada", "email": "ada@example.com"}'
#: For each service that takes bodies, a path that takes one.
_PATHS = [("api", "/users"), ("dlq_admin", "/dlq/replays"), ("external_proxy", "/external")]


@pytest.mark.parametrize(("service", "path"), _PATHS)
async def test_a_packed_body_is_refused(service: str, path: str, tmp_path: Path) -> None:
    """Every content coding but identity is refused with 415, and identity may be written however HTTP allows."""
    async with client_of(make(service, tmp_path), **bearer(OPERATOR)) as client:

        async def post(content: bytes, *lines: str) -> tuple[int, str, str | None]:
            headers = [("Content-Type", "application/json"), *(("Content-Encoding", line) for line in lines)]
            answer = await client.post(path, content=content, headers=headers)
            return answer.status_code, answer.json()["error"]["code"], answer.headers.get("accept-encoding")

        for lines in (["gzip"], ["br"], ["zstd"], ["x-gzip"], ["made up"], ["identity, gzip"], ["identity", "deflate"]):
            for content in (gzip.compress(_JSON), _JSON):
                refused = await post(content, *lines)
                assert refused == (415, "UNSUPPORTED_CONTENT_ENCODING", "identity"), lines
        for lines in (["identity"], ["Identity"], [""], ["identity, IDENTITY"], []):
            status, code, _ = await post(b"{", *lines)
            assert (status, code) == (400, "MALFORMED_JSON"), lines


@pytest.mark.parametrize(("service", "path"), _PATHS)
async def test_a_body_is_utf_8(service: str, path: str, tmp_path: Path) -> None:
    """A charset other than UTF-8 is refused with 415; UTF-8 may be named in any spelling, and so may ASCII, which is
    part of it."""
    async with client_of(make(service, tmp_path), **bearer(OPERATOR)) as client:

        async def post(parameters: str) -> tuple[int, str]:
            headers = {"Content-Type": f"application/json{parameters}"}
            answer = await client.post(path, content=b"{", headers=headers)
            return answer.status_code, answer.json()["error"]["code"]

        for charset in ("latin-1", "iso-8859-1", "utf-16", '"utf-16le"', "windows-1252", "unknown", "utf-7"):
            assert await post(f"; charset={charset}") == (415, "UNSUPPORTED_MEDIA_TYPE"), charset
        for charset in ("utf-8", "UTF-8", '"utf-8"', "us-ascii"):
            assert await post(f'; profile="a;b"; Charset={charset}') == (400, "MALFORMED_JSON"), charset
        assert await post("; profile=charset") == (400, "MALFORMED_JSON")
