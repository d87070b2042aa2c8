"""Dead letters, what operators do with them, and who did what."""

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLE = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"
_ASCII = "CHARACTER SET ascii COLLATE ascii_bin"
_STATES = (
    "dead", "replaying", "discarded", "applied", "duplicate", "superseded", "rejected", "expired", "dead_again",
)  # fmt: skip

_TABLES = {
    # `id` is the id of the entry on the dead-letter stream, as one number: ms * 1,000,000 + seq.
    "dead_letters": f"""
        id BIGINT NOT NULL PRIMARY KEY,
        fingerprint CHAR(16) {_ASCII} NOT NULL,
        state VARCHAR(12) {_ASCII} NOT NULL,
        entry_id VARCHAR(36) {_ASCII} NOT NULL,
        operation_id VARCHAR(36) {_ASCII} NULL,
        user_id VARCHAR(36) {_ASCII} NULL,
        command VARCHAR(40) NOT NULL,
        version BIGINT NULL,
        reason VARCHAR(32) NOT NULL,
        kind VARCHAR(100) NOT NULL,
        code VARCHAR(100) NOT NULL,
        error VARCHAR(1000) NOT NULL,
        frame VARCHAR(200) NOT NULL,
        dead_at DATETIME(6) NOT NULL,
        writer VARCHAR(100) NOT NULL,
        build VARCHAR(100) NOT NULL,
        attempts INT NOT NULL,
        size_bytes BIGINT NOT NULL,
        imported TINYINT NOT NULL,
        edit INT NOT NULL,
        replay_id BIGINT NULL,
        outcome TEXT NULL,
        note TEXT NULL,
        indexed_at DATETIME(6) NOT NULL,
        state_at DATETIME(6) NOT NULL,
        KEY dead_letters_group (fingerprint, state, id),
        KEY dead_letters_state (state, id),
        KEY dead_letters_entry (entry_id),
        KEY dead_letters_operation (operation_id),
        KEY dead_letters_user (user_id, fingerprint)
    """,
    # The fields of the entry and every attempt, as JSON; in parts, so that no statement grows past what a server takes.
    "dead_letter_bodies": """
        letter_id BIGINT NOT NULL,
        part INT NOT NULL,
        body MEDIUMBLOB NOT NULL,
        PRIMARY KEY (letter_id, part)
    """,
    # Kept in the transactions that change letters, so that nobody counts a million rows.
    "dead_letter_groups": f"""
        fingerprint CHAR(16) {_ASCII} NOT NULL PRIMARY KEY,
        reason VARCHAR(32) NOT NULL,
        kind VARCHAR(100) NOT NULL,
        code VARCHAR(100) NOT NULL,
        command VARCHAR(40) NOT NULL,
        frame VARCHAR(200) NOT NULL,
        error VARCHAR(1000) NOT NULL,
        first_id BIGINT NOT NULL,
        last_id BIGINT NOT NULL,
        users BIGINT NOT NULL,
        {", ".join(f"{state} BIGINT NOT NULL" for state in _STATES)},
        imported BIGINT NOT NULL,
        purged BIGINT NOT NULL
    """,
    "dead_letter_builds": f"""
        fingerprint CHAR(16) {_ASCII} NOT NULL,
        build VARCHAR(100) NOT NULL,
        letters BIGINT NOT NULL,
        first_id BIGINT NOT NULL,
        last_id BIGINT NOT NULL,
        PRIMARY KEY (fingerprint, build)
    """,
    # `bucket`: Unix time of its beginning, in minutes.
    "dead_letter_trend": f"""
        bucket INT NOT NULL,
        fingerprint CHAR(16) {_ASCII} NOT NULL,
        letters BIGINT NOT NULL,
        PRIMARY KEY (bucket, fingerprint),
        KEY dead_letter_trend_group (fingerprint, bucket)
    """,
    "dead_letter_notes": f"""
        fingerprint CHAR(16) {_ASCII} NOT NULL PRIMARY KEY,
        note TEXT NOT NULL,
        author VARCHAR(64) NOT NULL,
        at DATETIME(6) NOT NULL
    """,
    # What the queue has to be told of a discard or a restore; gone when it has been told.
    "dead_letter_dues": """
        letter_id BIGINT NOT NULL PRIMARY KEY
    """,
    # `number` from 1; 0 is the original, which never changes. `fields`: JSON, like those of a body.
    "dead_letter_edits": """
        letter_id BIGINT NOT NULL,
        number INT NOT NULL,
        fields MEDIUMBLOB NOT NULL,
        author VARCHAR(64) NOT NULL,
        reason VARCHAR(1000) NOT NULL,
        at DATETIME(6) NOT NULL,
        transform_id BIGINT NULL,
        reverts INT NULL,
        PRIMARY KEY (letter_id, number),
        KEY dead_letter_edits_transform (transform_id)
    """,
    "dead_letter_transforms": """
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        at DATETIME(6) NOT NULL,
        author VARCHAR(64) NOT NULL,
        reason VARCHAR(1000) NOT NULL,
        selection MEDIUMTEXT NOT NULL,
        patch MEDIUMTEXT NOT NULL,
        letters BIGINT NOT NULL,
        counts TEXT NOT NULL
    """,
    # states: shared/letters/replays/plan.py
    "replays": f"""
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        created_at DATETIME(6) NOT NULL,
        created_by VARCHAR(64) NOT NULL,
        reason VARCHAR(1000) NOT NULL,
        selection MEDIUMTEXT NOT NULL,
        letters BIGINT NOT NULL,
        plan TEXT NOT NULL,
        state VARCHAR(20) {_ASCII} NOT NULL,
        state_at DATETIME(6) NOT NULL,
        state_reason VARCHAR(1000) NOT NULL,
        counts TEXT NOT NULL,
        base TEXT NOT NULL,
        approved_by VARCHAR(64) NULL,
        approved_at DATETIME(6) NULL,
        started_at DATETIME(6) NULL,
        ended_at DATETIME(6) NULL,
        lease_owner VARCHAR(100) NULL,
        lease_until DATETIME(6) NULL,
        lease_token BIGINT NOT NULL,
        KEY replays_state (state, lease_until)
    """,
    # The frozen set; states: shared/letters/replays/plan.py
    "replay_items": f"""
        replay_id BIGINT NOT NULL,
        position INT NOT NULL,
        letter_id BIGINT NOT NULL,
        state VARCHAR(20) {_ASCII} NOT NULL,
        operation_id VARCHAR(36) {_ASCII} NULL,
        entry_id VARCHAR(36) {_ASCII} NULL,
        sent_at DATETIME(6) NULL,
        ended_at DATETIME(6) NULL,
        outcome TEXT NULL,
        PRIMARY KEY (replay_id, position),
        UNIQUE KEY replay_items_once (replay_id, letter_id),
        KEY replay_items_state (state, replay_id, position),
        KEY replay_items_letter (letter_id)
    """,
    # Written in the transaction of what it tells.
    "audit_log": """
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        at DATETIME(6) NOT NULL,
        actor VARCHAR(64) NOT NULL,
        role VARCHAR(20) NOT NULL,
        action VARCHAR(40) NOT NULL,
        reason VARCHAR(1000) NOT NULL,
        letters BIGINT NOT NULL,
        selection MEDIUMTEXT NULL,
        details MEDIUMTEXT NULL,
        request_id VARCHAR(128) NOT NULL,
        KEY audit_log_action (action),
        KEY audit_log_actor (actor)
    """,
    # Which letters a row of the audit concerns: so one letter's whole history can be told.
    "audit_letters": """
        letter_id BIGINT NOT NULL,
        audit_id BIGINT NOT NULL,
        PRIMARY KEY (letter_id, audit_id),
        KEY audit_letters_audit (audit_id)
    """,
}


def upgrade() -> None:
    for name, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {name} ({columns}) {_TABLE}")


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.execute(f"DROP TABLE {name}")
