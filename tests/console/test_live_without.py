"""The live view of a deployment without Prometheus and Grafana."""

import json
from pathlib import Path

import httpx

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from tests import keys
from tests.console.board import BOARD


async def test_without_a_prometheus_the_page_says_how(tmp_path: Path) -> None:
    """The page names the missing setting: that of Prometheus, or that of the dashboards if there is none."""
    (tmp_path / "board.json").write_text(json.dumps(BOARD))
    for boards, setting in ((tmp_path, "HOLDFAST_DLQ_PROMETHEUS_URL"), (tmp_path / "none", "HOLDFAST_DLQ_DASHBOARDS")):
        admin = DlqAdmin(
            DlqAdminSettings(
                redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
                keys_file=keys.written_to(tmp_path), dlq_dashboards=boards,
            )
        )  # fmt: skip
        transport = httpx.ASGITransport(admin.http())
        async with httpx.AsyncClient(transport=transport, base_url="http://dlq", follow_redirects=True) as client:
            await client.post("/console/login", data={"key": keys.VIEWER}, follow_redirects=False)
            assert setting in (await client.get("/console/live")).text
