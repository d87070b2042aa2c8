"""A server with the endpoints of Grafana's HTTP API that we use, as Grafana's documentation describes them: annotations
(create a region, find by tag, patch), health, data source by uid and its health, dashboard by uid."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_test"  # noqa: S105 - opens nothing


class FakeGrafana:
    """The contents of the fake Grafana, and its delay."""

    def __init__(self) -> None:
        self.annotations: dict[int, dict[str, Any]] = {}
        self.data_sources = {"prometheus": {"uid": "prometheus", "type": "prometheus"}}
        self.dashboards = {"holdfast-overview": {"uid": "holdfast-overview", "title": "Overview"}}
        self.hangs_s = 0.0
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeGrafana
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, document: Any, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def let_in(self, path: str) -> bool:
        time.sleep(self.fake.hangs_s)
        if path == "/api/health" or self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.body() if self.command != "GET" else None
        self.answer({"message": "Unauthorized"}, 401)
        return False

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self.let_in(parts.path):
            return
        match parts.path.removeprefix("/api").split("/")[1:]:
            case ["health"]:
                self.answer({"database": "ok", "version": "13.0.1", "commit": "x"})
            case ["annotations"]:
                wanted = set(parse_qs(parts.query).get("tags", []))
                found = [one for one in self.fake.annotations.values() if wanted <= set(one["tags"])]
                self.answer(found)
            case ["datasources", "uid", uid] if uid in self.fake.data_sources:
                self.answer(self.fake.data_sources[uid])
            case ["datasources", "uid", uid, "health"] if uid in self.fake.data_sources:
                self.answer({"status": "OK", "message": "Successfully queried the Prometheus API."})
            case ["dashboards", "uid", uid] if uid in self.fake.dashboards:
                self.answer({"dashboard": self.fake.dashboards[uid], "meta": {"provisioned": True}})
            case _:
                self.answer({"message": "Not found"}, 404)

    def do_POST(self) -> None:
        if self.let_in(self.path) and self.path == "/api/annotations":
            posted = self.body()
            id = len(self.fake.annotations) + 1
            self.fake.annotations[id] = {"id": id, **posted}
            self.answer({"message": "Annotation added", "id": id})

    def do_PATCH(self) -> None:
        if self.let_in(self.path):
            posted, id = self.body(), int(self.path.rpartition("/")[2])
            self.fake.annotations[id] |= posted
            self.answer({"message": "Annotation patched"})


@contextmanager
def grafana() -> Iterator[FakeGrafana]:
    """Yield a fake Grafana on a free port."""
    fake = FakeGrafana()
    bound = type("Handler", (_Handler,), {"fake": fake})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
