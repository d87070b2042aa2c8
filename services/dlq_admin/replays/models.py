"""Models: replays and their letters, as API answers show them."""

from typing import Any

from holdfast.services.dlq_admin.letters.results import BulkResult
from holdfast.services.dlq_admin.responses import Count, Counts, Moment, ResponseModel
from holdfast.shared.letters.replays.plan import ItemState, ReplayState


class ReplaySummary(ResponseModel):
    """A replay: its plan, its state, and the outcomes of its letters. `results_per_s`: rate since it was started or
    resumed, while it sends at its full rate; `done_in_s`: estimate from that rate. `partitions_away`: partitions of the
    queue that do not answer, while letters may wait for them. `dry_run` is included after an order."""

    id: Count
    state: ReplayState
    state_reason: str
    state_at: Moment
    created_at: Moment
    created_by: str
    reason: str
    selection: dict[str, Any]
    letters: Count
    plan: dict[str, Any]
    counts: Counts
    sent: Count
    in_flight: Count
    finished: Count
    canary_step: Count
    canary_steps: Count
    approved_by: str | None
    approved_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None
    partitions_away: list[int]
    driven_by: str | None
    results_per_s: float | None
    done_in_s: float | None
    dry_run: bool = False


class ReplayPreview(BulkResult):
    """What a replay would send, and how."""

    plan: dict[str, Any]
    state: ReplayState
    at_least_s: float


class ReplayItem(ResponseModel):
    """One letter of a replay."""

    position: Count
    letter_id: str
    outcome: ItemState
    operation_id: str | None
    entry_id: str | None
    sent_at: Moment | None
    ended_at: Moment | None
    detail: dict[str, Any] | None
