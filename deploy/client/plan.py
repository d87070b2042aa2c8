"""The plan: what a run is asked to do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.client.connections import TIMEOUT_S
from deploy.client.mix import DEFAULT, Kind, parse

#: Longer than anything that stops its run itself.
UNTIL_STOPPED_S = 86_000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`per_s` arrivals for `duration_s`; a request is given up after `timeout_s`. `api`: a base URL."""

    api: str
    per_s: float = 200.0
    duration_s: float = 30.0
    mix: Mapping[Kind, float] = field(default_factory=lambda: parse(DEFAULT))
    poisson: bool = False
    in_flight_max: int = 5000
    timeout_s: float = TIMEOUT_S
    #: Accepted writes a second that are followed to their end.
    follow_per_s: float = 5.0
    #: Users made beforehand, when the mix reads or changes some.
    users: int = 100
    seed: int = 1

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        mix = {kind.word: weight for kind, weight in self.mix.items()}
        return asdict(self) | {"mix": mix, "arrivals": "poisson" if self.poisson else "constant"}
