"""Commands that write users, at an api that serves other resources."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.client.plan import Plan, parse
from deploy.client.session import Background
from deploy.client.users import check_users
from deploy.local.output import Problem


@contextmanager
def _api(status: int, code: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of an api that always answers with this error, and the list of requests that it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            answer = b'{"error": {"code": "%b"}}' % code.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET  # noqa: N815 - the library's name

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_an_api_without_users_is_named_before_anything_is_done() -> None:
    """A command that writes users refuses an api without this resource in one sentence, before it writes anything."""
    with _api(404, "PATH_NOT_FOUND") as (api, asked):
        for weights in ("writes=1", "reads=1"):
            with pytest.raises(Problem, match="needs the resource users"), Background(Plan(api, 1, 1, parse(weights))):
                pass
        assert {each.partition(" ")[0] for each in asked} == {"GET"}


@pytest.mark.parametrize(("status", "code"), [(503, "OVERLOADED"), (401, "UNAUTHENTICATED"), (200, "")])
def test_an_api_that_may_have_users_is_not_refused(status: int, code: str) -> None:
    """The check for users does not refuse an api because of an outage or a wrong key; later requests report these."""
    with _api(status, code) as (api, _):
        check_users(api)
    check_users("http://127.0.0.1:1")
