"""Costs: what one write and one read cost each part of the system, as `make bench-costs` measures it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

#: The costs that `make bench-costs` wrote last. `costs=FILE` replaces them.
MEASURED = Path(__file__).with_name("costs.json")


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time in microseconds of one core, and sizes in bytes, each per write unless stated otherwise."""

    api_write_us: float
    api_read_us: float
    writer_us: float
    queue_write_us: float
    queue_read_us: float
    database_write_us: float
    #: Counting an ended operation, and removing its row later.
    housekeeping_us: float
    database_read_us: float
    #: Memory of the queue while a write waits, and of the record of its Idempotency-Key.
    queue_waiting_bytes: float
    queue_keyed_bytes: float
    #: Bytes that a write adds to the queue's log until the log is rewritten.
    queue_log_bytes: float
    #: Rows and indexes of an entity, and of an operation.
    entity_bytes: float
    operation_bytes: float
    #: Forced writes to disk at the measured rate. At higher rates more writes share one.
    queue_fsyncs: float
    database_fsyncs: float

    @classmethod
    def read(cls, path: Path = MEASURED) -> Self:
        """Return the costs in a file. Raises OSError, and ValueError if the file does not contain costs."""
        try:
            return cls(**json.loads(path.read_text())["costs"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no costs: {error}") from None

    def as_json(self) -> dict[str, float]:
        """Return the costs by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}
