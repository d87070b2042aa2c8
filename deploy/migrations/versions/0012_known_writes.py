"""An epoch of the queue knows what was known when it began: what ends later was in a writer's hands.

The build before leaves the columns alone: an epoch that it begins has -1, and nothing is looked for.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

_COLUMNS = {"seen_to": 0, "known_seen": -1, "known_unseen": -1}


def upgrade() -> None:
    added = ", ".join(f"ADD COLUMN {name} BIGINT NOT NULL DEFAULT {default}" for name, default in _COLUMNS.items())
    op.execute(f"ALTER TABLE queue_epochs {added}")


def downgrade() -> None:
    op.execute(f"ALTER TABLE queue_epochs {', '.join(f'DROP COLUMN {name}' for name in _COLUMNS)}")
