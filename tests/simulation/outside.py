"""Outside: makes the third party fail. The third party is the stand-in of the local stack, with all its behaviours.
Afterwards this module reads its log, and the openings of the breakers in front of it."""

import re
from collections.abc import Iterable, Iterator

from deploy.third_party.behaviour import WELL, Behaviour
from deploy.third_party.party import ThirdParty
from tests.promises.final import Arrival
from tests.promises.history import Opened
from tests.simulation.clocks import EPOCH_S
from tests.simulation.network import Network
from tests.simulation.nodes import Node
from tests.simulation.plan import Fault

_WRONG = ("invalid_json", "wrong_content_type", "truncated_body", "endless_body", "huge_body")

#: Retries that a newly started proxy may make before first attempts have earned any.
BURST = 3
#: `   12.345678 proxy-1      breaker_moved breaker='third-party:8099 read' origin=closed to=open ...`
_OPENED = re.compile(r" *(\S+) (\S+) +breaker_moved breaker='third-party:\d+ (read|write)' origin=closed to=open ")
_METHODS = {"read": "GET", "write": "POST"}


def arrivals(party: ThirdParty, network: Network) -> tuple[Arrival, ...]:
    """Return the third party's own log, in true time: its clock is never wrong."""
    return tuple(
        Arrival(
            each["at"] - EPOCH_S, each["method"], each["idempotency_key"] or "", each["number"],
            network.name(each["peer"]), each["fault"] or "", each["slow_s"],
            float(each["retry_after"] or 0),
        )
        for each in party.arrivals.as_json()["arrivals"]
    )  # fmt: skip


def openings(timeline: Iterable[str]) -> Iterator[Opened]:
    """Return the openings of breakers in front of the third party."""
    for line in timeline:
        if found := _OPENED.match(line):
            yield Opened(float(found[1]), found[2].partition("/")[0], _METHODS[found[3]])


def behaviour(kind: str, amount: float) -> Behaviour:
    """Return the behaviour that a kind of fault stands for."""
    match kind:
        case "failing":
            return Behaviour(fault="fail", status=503)
        case "partial":
            return Behaviour(fault="fail", rate=amount)
        case "throttle":
            return Behaviour(fault="throttle", retry_after=str(int(amount)) if amount >= 1 else None)
        case "mute":
            return Behaviour(fault="hang", rate=amount)
        case "late":
            return Behaviour(latency_ms=1000 * amount, jitter_ms=500)
        case _:
            return Behaviour(fault=_WRONG[int(amount) % len(_WRONG)])


class OutsideLevers:
    """The levers for kinds.OUTSIDE that exist nowhere else."""

    def __init__(self, third_party: ThirdParty, node: Node | None) -> None:
        self._third_party = third_party
        self._third_party_node = node
        #: The requested behaviours, of which the last is in force.
        self._behaviours: dict[str, Behaviour] = {}

    def _gone(self, _: Fault) -> bool:
        if self._third_party_node is None or not self._third_party_node.running:
            return False
        self._third_party_node.kill()
        return True

    def _end_gone(self, _: Fault) -> None:
        if self._third_party_node is not None and not self._third_party_node.running:
            self._third_party_node.start()

    def _behaves(self, fault: Fault) -> bool:
        if self._third_party_node is None:
            return False
        self._behaviours.pop(fault.kind, None)
        self._behaviours[fault.kind] = behaviour(fault.kind, fault.amount)
        self._third_party.behave(self._behaviours[fault.kind])
        return True

    def _end_behaves(self, fault: Fault) -> None:
        self._behaviours.pop(fault.kind, None)
        self._third_party.behave(next(reversed(self._behaviours.values()), WELL))

    _failing = _partial = _throttle = _mute = _late = _wrong = _behaves
    _end_failing = _end_partial = _end_throttle = _end_mute = _end_late = _end_wrong = _end_behaves
