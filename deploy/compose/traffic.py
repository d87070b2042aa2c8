"""Traffic of requests that are safe to retry: reads, and writes that carry a key. Clients never retry here, so every
request that is lost on the way is counted. A refusal by a busy api is no loss."""

from collections import Counter
from dataclasses import dataclass, field

from deploy.client.background import Background
from deploy.client.generator import Run
from deploy.client.mix import parse
from deploy.client.outcome import ANSWERED, Outcome
from deploy.client.plan import Plan

_PER_S = 60.0
#: The traffic is there to notice a loss, not to overload what is left of the system.
_IN_FLIGHT_MAX = 8
_TIMEOUT_S = 20.0
#: Errors of the proxy itself: it found no replica, or lost the response.
_LOST = {"NO_REPLICA", "ANSWER_LOST"}


@dataclass(slots=True)
class Counted:
    """`lost` by reason."""

    good: int = 0
    refused: int = 0
    lost: Counter[str] = field(default_factory=Counter)


def traffic(address: str) -> Background:
    """To `host:port`, as a context manager."""
    plan = Plan(
        f"http://{address}",
        _PER_S,
        mix=parse("lists=1,writes=1"),
        in_flight_max=_IN_FLIGHT_MAX,
        timeout_s=_TIMEOUT_S,
        follow_per_s=0,
        users=0,
    )
    return Background(plan)


def counted(run: Run) -> Counted:
    """What became of the requests so far."""
    seen = Counted()
    for sample in run.samples:
        if sample.outcome in ANSWERED:
            seen.good += 1
        elif sample.outcome is Outcome.UNANSWERED or sample.code in _LOST:
            seen.lost[sample.code] += 1
        else:
            seen.refused += 1
    return seen
