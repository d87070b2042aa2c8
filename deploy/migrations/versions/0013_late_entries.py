"""A look keeps how many writes had been applied directly although the queue had accepted them, as it knows by their
entries.

The build before leaves the column alone: what it keeps may be named as lost when the queue breaks next.
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("ALTER TABLE queue_epochs ADD COLUMN late BIGINT NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE queue_epochs DROP COLUMN late")
