"""Prometheus: its command, configuration and rules, and its targets, whose changes it notices by itself."""

import json
from collections.abc import Iterable

from deploy.local.packages import find
from deploy.local.places import CONF, LOCAL, REPO, write_private
from holdfast.shared.connections.address import host_and_port

#: The jobs of deploy/prometheus/prometheus.yml.
JOBS = ("api", "writer", "external_proxy", "dlq_admin", "prometheus", "alertmanager", "redis", "mysql")

_SOURCE = REPO / "deploy" / "prometheus"
_TARGETS = CONF / "targets"
_RULES = CONF / "rules"
_CONFIG = CONF / "prometheus.yml"
#: The files and folders that it reads when it starts.
READS = (_CONFIG, _RULES)


def command(host: str, port: int, url: str) -> tuple[str, ...]:
    """Return the command of the server in the foreground. `url`: the base of links in alerts."""
    return (
        find("prometheus"),
        f"--config.file={_CONFIG}",
        f"--storage.tsdb.path={LOCAL / 'prometheus'}",
        "--storage.tsdb.retention.time=7d",
        # Links a slow bucket of a histogram to the trace of a request in it.
        "--enable-feature=exemplar-storage",
        f"--web.external-url={url}",
        f"--web.listen-address={host_and_port(host, port)}",
        "--log.level=warn",
    )


def write_config(targets: Iterable[tuple[str, str, str]]) -> None:
    """Write the configuration. `targets`: (job, instance, host:port) of each."""
    _TARGETS.mkdir(mode=0o700, exist_ok=True)
    by_job: dict[str, list[dict[str, object]]] = {job: [] for job in JOBS}
    for job, instance, address in targets:
        by_job[job].append({"targets": [address], "labels": {"instance": instance}})
    for job, found in by_job.items():
        write_private(_TARGETS / f"{job}.json", json.dumps(found, indent=2) + "\n")
    _RULES.mkdir(mode=0o700, exist_ok=True)
    rules = {path.name: path.read_text() for path in (_SOURCE / "rules").glob("*.yml")}
    for gone in {path.name for path in _RULES.iterdir()} - rules.keys():
        (_RULES / gone).unlink()
    for name, text in rules.items():
        write_private(_RULES / name, text)
    write_private(_CONFIG, (_SOURCE / "prometheus.yml").read_text())
