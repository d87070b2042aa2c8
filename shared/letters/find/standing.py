"""Standing: how far the letters of a group are on their way: edited, or in a replay. A bounded number is looked at."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from holdfast.shared.letters.index.tables import edits, letters, replays
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading

#: The newest dead letters of a group that are looked at.
LOOKED_AT_MAX = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """`edited`: those of the `looked_at` newest dead letters that a replay would send changed, since `edited_at`.
    `replay_id`: of the newest letter that is being replayed; `replay_state`: of that replay."""

    looked_at: int
    edited: int
    edited_at: datetime | None
    replay_id: int | None
    replay_state: str | None


def standing(engine: Engine, fingerprint: str) -> Standing:
    """Of one group."""

    def newest(state: State, column: sa.Column[int], most: int) -> sa.Select[tuple[int, int]]:
        query = sa.select(letters.c.id, column).where(letters.c.fingerprint == fingerprint, letters.c.state == state)
        return query.order_by(letters.c.id.desc()).limit(most)

    dead = newest(State.DEAD, letters.c.edit, LOOKED_AT_MAX).subquery()
    in_force = sa.and_(edits.c.letter_id == dead.c.id, edits.c.number == dead.c.edit)
    changed = sa.and_(edits.c.number.is_not(None), sa.func.coalesce(edits.c.reverts, -1) != 0)
    query = sa.select(
        sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((changed, 1), else_=0)), 0), sa.func.max(edits.c.at)
    ).select_from(dead.outerjoin(edits, in_force))
    with reading(engine) as connection:
        looked_at, edited, edited_at = connection.execute(query).one()
        replayed = connection.execute(newest(State.REPLAYING, letters.c.replay_id, 1)).first()
        replay_id = replayed.replay_id if replayed else None
        state = connection.scalar(sa.select(replays.c.state).where(replays.c.id == replay_id)) if replay_id else None
    at = edited_at.replace(tzinfo=UTC) if edited_at else None
    return Standing(looked_at, int(edited), at, replay_id, state)
