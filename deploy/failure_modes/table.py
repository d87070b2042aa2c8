"""The table: every dependency, in the order of the page."""

from deploy.failure_modes.cell import Dependency
from deploy.failure_modes.dependencies import (
    api,
    build,
    cache,
    clock,
    cpu,
    database,
    disk,
    dlq_admin,
    dns,
    external_proxy,
    grafana,
    memory,
    network,
    operator,
    prometheus,
    queue,
    third_party,
    writer,
)

TABLE: dict[str, Dependency] = {
    module.DEPENDENCY.name: module.DEPENDENCY
    for module in (
        database, queue, cache, third_party, api, writer, external_proxy, dlq_admin, prometheus, grafana,
        disk, memory, cpu, clock, dns, network, build, operator,
    )
}  # fmt: skip
