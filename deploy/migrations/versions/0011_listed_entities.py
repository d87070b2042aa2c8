"""Pages walk an index of live rows only, and tombstones are removed from its other end.

Both changes of `users` are made in place: reads and writes go on meanwhile, and the server refuses the statement where
it would have to lock them out (`LOCK=NONE`). Building the index reads the table once. If the connection is lost
meanwhile, run the migration again: what is done is left as it is.

The build before lists by this index too. The newest version, which its apis ask for when they start, costs them a walk
of the index instead of a look at its end.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_LISTED = {"users_listed": "(deleted_version, created_version)"}
_CREATED = {"users_created_version": "(created_version)"}
_ONLINE = "ALGORITHM=INPLACE, LOCK=NONE"


def upgrade() -> None:
    _replace(_CREATED, _LISTED)


def downgrade() -> None:
    _replace(_LISTED, _CREATED)


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("users")}
    for name in new.keys() - there:
        op.execute(f"ALTER TABLE users ADD KEY {name} {new[name]}, {_ONLINE}")
    for name in old.keys() & there:
        op.execute(f"ALTER TABLE users DROP KEY {name}, {_ONLINE}")
