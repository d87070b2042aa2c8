"""Plan: what a run is asked to do."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.load.mix import DEFAULT, Kind, parse

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`per_s` arrivals for `duration_s`; a request is given up after `timeout_s`."""

    api: str
    per_s: float = 200.0
    duration_s: float = 30.0
    mix: Mapping[Kind, float] = field(default_factory=lambda: parse(DEFAULT))
    poisson: bool = False
    in_flight_max: int = 5000
    timeout_s: float = _TIMEOUT_S
    #: Writes a second that are followed to their end.
    follow_per_s: float = 5.0
    seed: int = 1

    def told(self) -> dict[str, Any]:
        """For reports."""
        mix = {kind.word: weight for kind, weight in self.mix.items()}
        return asdict(self) | {"mix": mix, "arrivals": "poisson" if self.poisson else "constant"}
