"""A dashboard in the form of Grafana's files, with one panel of each kind, and metrics to show."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UID = "test-board"


def _panel(number: int, kind: str, title: str, exprs: Mapping[str, str], **more: Any) -> dict[str, Any]:
    targets = [
        {"refId": chr(65 + at), "expr": expr, "legendFormat": legend, "instant": kind in ("table", "bargauge"),
         "format": {"heatmap": "heatmap", "table": "table"}.get(kind, "time_series")}
        for at, (legend, expr) in enumerate(exprs.items())
    ]  # fmt: skip
    return {
        "id": number, "type": kind, "title": title, "description": f"What {title} is.\n\n**Normal:** none.",
        "gridPos": {"x": (number % 3) * 8, "y": 1 + number // 3 * 6, "w": 8, "h": 6}, "targets": targets,
        "fieldConfig": more.pop("fieldConfig", {"defaults": {"unit": "short"}, "overrides": []}),
        "options": more.pop("options", {}), **more,
    }  # fmt: skip


_RED = {"matcher": {"id": "byName", "options": "one"},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "#E02F44"}}]}  # fmt: skip
_STATES = [
    {"type": "value", "options": {"0": {"text": "calm", "color": "blue"}, "1": {"text": "storm", "color": "red"}}}
]

BOARD: dict[str, Any] = {
    "uid": UID, "title": "A small board", "description": "One panel of each kind.",
    "templating": {"list": [{"name": "job", "type": "query", "current": {"value": "$__all"}, "includeAll": True}]},
    "annotations": {"list": [
        {"name": "Storms", "expr": "board_storm == 1", "iconColor": "red", "titleFormat": "Storm: {{kind}}"},
        {"name": "Elsewhere", "target": {"tags": ["x"]}},
    ]},
    "panels": [
        {"id": 100, "type": "row", "title": "The only row", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}},
        _panel(1, "stat", "Height", {"": 'board_height{job=~"$job"}'}),
        _panel(2, "timeseries", "Lines", {"one": "board_height", "two": "board_height * 2"},
               fieldConfig={"defaults": {"unit": "reqps", "custom": {"fillOpacity": 8}}, "overrides": [_RED]}),
        _panel(3, "timeseries", "Shares", {"{{kind}}": "board_share"}, fieldConfig={
            "defaults": {"unit": "short", "custom": {"stacking": {"mode": "percent", "group": "A"}}}, "overrides": []}),
        _panel(4, "state-timeline", "Weather", {"{{kind}}": "board_storm"},
               fieldConfig={"defaults": {"mappings": _STATES}, "overrides": []}),
        _panel(5, "table", "Rows", {"": "board_share"}, transformations=[{"id": "organize", "options": {
            "excludeByName": {"Time": True, "job": True, "instance": True}, "renameByName": {"kind": "Kind"}}}]),
        _panel(6, "bargauge", "Bars", {"{{kind}}": "board_share"}),
        _panel(7, "text", "Words", {}, options={
            "mode": "markdown", "content": "**Bold** [there](/d/test-board) [not](javascript:alert(1)) <b>no</b>"}),
        _panel(8, "heatmap", "Heat", {"{{le}}": "board_seconds_bucket"}),
        _panel(9, "stat", "Nothing", {"": "board_of_nobody"},
               fieldConfig={"defaults": {"noValue": "Nobody is there"}, "overrides": []}),
        _panel(10, "timeseries", "Wrong", {"": "sum("}),
    ],
}  # fmt: skip


class Measured:
    """Serves metrics on a port, to be scraped."""

    def __init__(self) -> None:
        measured = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = measured._text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.height = 42
        self.storm = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """The `host:port` to scrape."""
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _text(self) -> str:
        return (
            f'board_height {self.height}\nboard_storm{{kind="rain"}} {self.storm}\n'
            'board_share{kind="left"} 3\nboard_share{kind="right"} 1\n'
            'board_seconds_bucket{le="0.1"} 4\nboard_seconds_bucket{le="1"} 9\nboard_seconds_bucket{le="+Inf"} 9\n'
        )
