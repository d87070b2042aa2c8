"""The experiments, one in each file: `EXPERIMENT`."""

from deploy.chaos.experiment import Experiment
from deploy.chaos.experiments import (
    cpu_spike,
    db_kill,
    db_slow,
    db_timeout,
    high_latency,
    memory_pressure,
    network_partition,
)

ALL: dict[str, Experiment] = {
    each.EXPERIMENT.name: each.EXPERIMENT
    for each in (db_kill, db_slow, db_timeout, network_partition, high_latency, memory_pressure, cpu_spike)
}
