"""Prometheus: its command, its configuration, and its targets; when those change it notices by itself."""

import json
from collections.abc import Iterable

from deploy.local.packages import find
from deploy.local.places import CONF, LOCAL, REPO, write_private

#: The jobs of deploy/prometheus/prometheus.yml.
JOBS = ("api", "writer", "external_proxy", "dlq_admin", "prometheus")

_TARGETS = CONF / "targets"
_CONFIG = CONF / "prometheus.yml"


def command(host: str, port: int) -> tuple[str, ...]:
    """The server, in the foreground."""
    return (
        find("prometheus"),
        f"--config.file={_CONFIG}",
        f"--storage.tsdb.path={LOCAL / 'prometheus'}",
        "--storage.tsdb.retention.time=7d",
        f"--web.listen-address={host}:{port}",
        "--log.level=warn",
    )


def write_config(targets: Iterable[tuple[str, str, str]]) -> None:
    """`targets`: (job, instance, host:port) of each."""
    _TARGETS.mkdir(mode=0o700, exist_ok=True)
    by_job: dict[str, list[dict[str, object]]] = {job: [] for job in JOBS}
    for job, instance, address in targets:
        by_job[job].append({"targets": [address], "labels": {"instance": instance}})
    for job, found in by_job.items():
        write_private(_TARGETS / f"{job}.json", json.dumps(found, indent=2) + "\n")
    write_private(_CONFIG, (REPO / "deploy" / "prometheus" / "prometheus.yml").read_text())
