"""`python -m holdfast.shared.telemetry.grafana.check URL [--token T] [--data-source UID] [--dashboards FOLDER]`:
checks that the data source and dashboards exist. Exit code 0: all do; 1: one is missing; 2: Grafana does not answer."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from pathlib import Path

from holdfast.shared.telemetry.grafana.client import Grafana, GrafanaFailed, connect

_TIMEOUT_S = 10.0


def main(arguments: list[str]) -> int:
    """Check Grafana and print one line per check. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m holdfast.shared.telemetry.grafana.check", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--token", default=os.environ.get("HOLDFAST_GRAFANA_TOKEN", ""))
    parser.add_argument("--data-source", default="prometheus")
    parser.add_argument("--dashboards", type=Path, help="a folder of dashboards as JSON, each with its uid")
    options = parser.parse_args(arguments)
    try:
        grafana = connect(options.url, options.token, _TIMEOUT_S)
    except GrafanaFailed as error:
        print(error, file=sys.stderr)
        return 2
    return asyncio.run(_check(grafana, options.data_source, uids(options.dashboards)))


def uids(folder: Path | None) -> list[str]:
    """Return the uids of the dashboards in a folder, in the order of their files."""
    return [json.loads(file.read_text())["uid"] for file in sorted(folder.rglob("*.json"))] if folder else []


async def _check(grafana: Grafana, data_source: str, dashboards: list[str]) -> int:
    try:
        return await _lines(grafana, data_source, dashboards)
    finally:
        await grafana.close()


async def _lines(grafana: Grafana, data_source: str, dashboards: list[str]) -> int:
    if not await _line("Grafana", grafana.version()):
        return 2
    fine = [await _line(f"data source {data_source}", grafana.data_source(data_source))]
    fine += [await _line(f"dashboard {uid}", grafana.dashboard(uid)) for uid in dashboards]
    return 0 if all(fine) else 1


async def _line(what: str, call: Awaitable[str]) -> bool:
    try:
        print(f"ok       {what}: {await call}")
        return True
    except GrafanaFailed as error:
        print(f"MISSING  {what}: {error}")
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
