"""Stop rules: whether a replay should stop by itself, and why. Pure."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from holdfast.shared.letters.replays.plan import Counts, ItemState, StopRules

#: Number of recent results of which the share is taken, once there are as many.
_WINDOW = 200
_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else goes on while a replay runs. `depth`: entries on the write stream that are not this replay's. `halted`
    and `writers` show why such entries wait; `writers` is None if none do, or if their reports cannot be read."""

    depth: int = 0
    #: Age of the oldest entry that was delivered to no writer, in seconds.
    waiting_s: float = 0.0
    #: Names of the writers whose database breaker is open, and of those that have reported this since the replay runs.
    holding: tuple[str, ...] = ()
    open_breakers: tuple[str, ...] = ()
    #: Halted writer -> why.
    halted: Mapping[str, str] = field(default_factory=dict)
    #: How many writers have reported lately.
    writers: int | None = None


class Recent:
    """The newest results that this driver saw."""

    def __init__(self) -> None:
        self._failed_same: deque[bool] = deque(maxlen=_WINDOW)

    def add(self, results: Iterable[ItemState]) -> None:
        """Add results in the order of their arrival."""
        self._failed_same.extend(state is ItemState.FAILED_SAME for state in results)

    def clear(self) -> None:
        """Forget all results, because an operator has resumed the replay."""
        self._failed_same.clear()

    @property
    def share(self) -> float | None:
        """The share of results that failed as before, or None if there are too few to judge."""
        full = len(self._failed_same) == _WINDOW
        return sum(self._failed_same) / _WINDOW if full else None


def why_stop(rules: StopRules, counts: Counts, base: Counts, recent: Recent, around: Surroundings) -> str | None:
    """Return the reason to stop as a sentence, or None to continue. `base`: the counts when the replay was started or
    resumed."""
    finished = counts.finished - base.finished
    same = counts[ItemState.FAILED_SAME] - base[ItemState.FAILED_SAME]
    share = same / finished if finished else 0.0
    if recent.share is not None:
        share = max(share, recent.share)
    # A few early results among many prove little; the results of a whole canary step are what the step is for.
    if share > rules.failing_share and (counts.in_flight == 0 or finished >= _ENOUGH):
        return f"{share:.0%} of the results failed again as before, more than {rules.failing_share:.0%}"
    if lost := counts[ItemState.LOST] - base[ItemState.LOST]:
        return f"{lost} entries vanished from the write stream; their letters are dead as before"
    if rules.breaker and around.open_breakers:
        return f"the database's breaker is open: {_named(around.open_breakers)}. It closes when the database is back"
    if around.depth > rules.backlog_max:
        lag = f"{around.depth} other writes wait, more than {rules.backlog_max}"
        return f"live traffic lags: {lag}. {_why_lags(around)}"
    if around.waiting_s > rules.backlog_age_s:
        return f"live traffic lags: a write has waited {around.waiting_s:.0f} s for a writer. {_why_lags(around)}"
    return None


def _why_lags(around: Surroundings) -> str:
    """Return what is wrong, and what ends it."""
    if around.halted:
        why = next(iter(around.halted.values()))
        which = _named(tuple(around.halted))
        return f"Halted: {which} ({why[:300]}). Mend the cause, or let the writers go on"
    if around.holding:
        return f"The database is away for {_named(around.holding)}; the writers go on by themselves when it is back"
    if around.writers is None:
        return "Whether writers run is unknown: the part of the queue that holds their reports does not answer"
    if around.writers == 0:
        return "No writer has reported lately: start one"
    return "The writers are busy: wait until the backlog is worked off, or run more of them"


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names)[:200]
