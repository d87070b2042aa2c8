"""What the queue last was, so that a loss of its memory is seen: one row an epoch, the last one is now."""

from alembic import op

revision = "0010"
down_revision = "0009"

_ASCII = "CHARACTER SET ascii COLLATE ascii_bin"


def upgrade() -> None:
    op.execute(f"""
        CREATE TABLE queue_epochs (
            epoch BIGINT NOT NULL PRIMARY KEY,
            cause VARCHAR(20) {_ASCII} NOT NULL,
            began BIGINT NOT NULL,
            carried BIGINT NOT NULL,
            lost BIGINT NOT NULL,
            lost_from BIGINT NOT NULL,
            floor BIGINT NOT NULL,
            identity VARCHAR(100) {_ASCII} NOT NULL,
            look BIGINT NOT NULL,
            accepted BIGINT NOT NULL,
            entries BIGINT NOT NULL,
            oldest BIGINT NOT NULL,
            newest BIGINT NOT NULL
        ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC
    """)


def downgrade() -> None:
    op.execute("DROP TABLE queue_epochs")
