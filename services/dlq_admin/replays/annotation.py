"""Annotation: each replay is a region on Grafana's dashboards, from its start to its end."""

from datetime import UTC, datetime

from holdfast.shared.letters.replays.plan import Counts
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.telemetry.grafana.annotations import Annotation


def replay(one: Replay, *, ended: bool) -> Annotation:
    """Return the annotation for the time when a replica begins to drive the replay, or for the time when it is over."""
    text = f"Replay {one.id} of {one.letters} dead letters by {one.created_by}: {one.reason[:200]}"
    if not ended:
        return Annotation(f"replay:{one.id}", text, ("replay",), _unix(one.started_at or one.created_at))
    began, now = _unix(one.started_at or one.created_at), _unix(utc_now())
    return Annotation(f"replay:{one.id}", f"{text}: {_counts(one.counts)}", ("replay",), began, now)


def _counts(counts: Counts) -> str:
    return ", ".join(f"{state.value} {count}" for state, count in counts.items() if count)


def _unix(moment: datetime) -> float:
    """Return the Unix time of a database time, which is UTC without a time zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
