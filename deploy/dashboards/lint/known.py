"""Known series: our own as declared, those that rules record, and the few that we take from exporters. Each has its
kind and its labels. No other series may be queried."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import promql_parser
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from deploy import read_yaml
from deploy.dashboards.lint.expression import labels_of
from holdfast.shared.telemetry import metrics

RULES = Path(__file__).parents[2] / "prometheus" / "rules"

Kind = Literal["counter", "gauge"]
#: Labels that the scrape adds to every series.
_SCRAPED = frozenset({"job", "instance"})


@dataclass(frozen=True, slots=True)
class Series:
    """A series. `labels`: None for any."""

    kind: Kind
    labels: frozenset[str] | None


def _gauge(*labels: str) -> Series:
    return Series("gauge", _SCRAPED | set(labels))


def _counter(*labels: str) -> Series:
    return Series("counter", _SCRAPED | set(labels))


#: Series of Prometheus itself, of client_python, and of the exporters of Redis and MySQL, old and new.
FOREIGN: Mapping[str, Series] = {
    "up": _gauge(),
    "scrape_duration_seconds": _gauge(),
    "ALERTS": _gauge("alertname", "alertstate", "severity"),
    "process_cpu_seconds_total": _counter(),
    "process_resident_memory_bytes": _gauge(),
    "process_open_fds": _gauge(),
    "process_max_fds": _gauge(),
    "redis_up": _gauge(),
    "mysql_up": _gauge(),
    "redis_memory_used_bytes": _gauge(),
    "redis_memory_max_bytes": _gauge(),
    "redis_aof_last_write_status": _gauge(),
    "redis_commands_processed_total": _counter(),
    "redis_evicted_keys_total": _counter(),
    "redis_rejected_connections_total": _counter(),
    "redis_total_error_replies": _counter(),
    "mysql_global_status_threads_running": _gauge(),
    "mysql_global_status_threads_connected": _gauge(),
    "mysql_global_status_commands_total": _counter("command"),
    "mysql_global_status_innodb_row_lock_waits": _counter(),
    "mysql_global_status_slow_queries": _counter(),
    "mysql_global_status_aborted_clients": _counter(),
    "mysql_global_variables_max_connections": _gauge(),
}


def known(rules: Path = RULES) -> dict[str, Series]:
    """Return the known series by name."""
    return dict(FOREIGN) | dict(_ours()) | _recorded(rules)


def _ours() -> Iterable[tuple[str, Series]]:
    for metric in vars(metrics).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        labels = _SCRAPED | set(metric._labelnames)
        match metric:
            case Counter():
                yield f"{metric._name}_total", Series("counter", labels)
            case Histogram():
                yield f"{metric._name}_bucket", Series("counter", labels | {"le"})
                yield f"{metric._name}_sum", Series("counter", labels)
                yield f"{metric._name}_count", Series("counter", labels)
            case _:
                yield metric._name, Series("gauge", labels)


def _recorded(folder: Path) -> dict[str, Series]:
    """Return the recorded series. None is a counter, whatever it was computed from."""
    return {
        rule["record"]: Series("gauge", labels_of(promql_parser.parse(rule["expr"])))
        for file in sorted(folder.glob("*.yml"))
        for group in read_yaml.document(file.read_text()).get("groups", [])
        for rule in group["rules"]
        if "record" in rule
    }
