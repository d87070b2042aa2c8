"""Mark: each replay is a region on Grafana's dashboards, from its start to its end."""

from datetime import UTC, datetime

from holdfast.shared.letters.replays.plan import Counts
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.telemetry.grafana.annotations import Annotation


def replay(one: Replay, *, ended: bool) -> Annotation:
    """What is said of it when somebody begins to drive it, and when it is over."""
    text = f"Replay {one.id} of {one.letters} dead letters by {one.created_by}: {one.reason[:200]}"
    if not ended:
        return Annotation(f"replay:{one.id}", text, ("replay",), _unix(one.started_at or one.created_at))
    began, now = _unix(one.started_at or one.created_at), _unix(datetime.now(UTC))
    return Annotation(f"replay:{one.id}", f"{text}: {_told(one.counts)}", ("replay",), began, now)


def _told(counts: Counts) -> str:
    return ", ".join(f"{state.value} {count}" for state, count in counts.items() if count)


def _unix(moment: datetime) -> float:
    """Of a moment that the database told, which is in UTC without saying so."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
