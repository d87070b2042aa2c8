"""Costs: what one write and one read cost each part of the system, as `make bench-costs` measures it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

#: What `make bench-costs` wrote last; a run of yours can take its place.
MEASURED = Path(__file__).with_name("costs.json")


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time in microseconds of one core, sizes in bytes; each of one write, unless it says another thing."""

    api_write_us: float
    api_read_us: float
    writer_us: float
    queue_write_us: float
    queue_read_us: float
    database_write_us: float
    #: To count an operation that has ended, and to remove its row at last.
    housekeeping_us: float
    database_read_us: float
    #: Memory of the queue while a write waits, and of the record of its Idempotency-Key.
    queue_waiting_bytes: float
    queue_keyed_bytes: float
    #: What a write adds to the queue's log, until that is rewritten.
    queue_log_bytes: float
    #: Rows and indexes of an entity, and of an operation.
    entity_bytes: float
    operation_bytes: float
    #: Forced writes to disk, at the rate that was measured: more writes at once share one.
    queue_fsyncs: float
    database_fsyncs: float

    @classmethod
    def read(cls, path: Path = MEASURED) -> Self:
        """Raises OSError, or ValueError where the file is not one of costs."""
        try:
            return cls(**json.loads(path.read_text())["costs"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no costs: {error}") from None

    def as_json(self) -> dict[str, float]:
        """By name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}
