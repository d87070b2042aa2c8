"""Standing: reads how far the letters of a group are: edited, or in a replay. Only a bounded number of letters is
read."""

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from holdfast.shared.letters.index.tables import edits, letters, replays
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading

#: The number of a group's newest dead letters that are read.
LOOKED_AT_MAX = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """The progress of a group. `edited`: how many of the `looked_at` newest dead letters a replay would send with an
    edit; `edited_at`: when the newest edit in force was made; `replay_id`: the replay of the newest letter that is
    being replayed; `replay_state`: the state of that replay."""

    looked_at: int
    edited: int
    edited_at: datetime | None
    replay_id: int | None
    replay_state: str | None


def standing(engine: Engine, fingerprint: str) -> Standing:
    """Return the progress of a group. Raises a Fault."""

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
