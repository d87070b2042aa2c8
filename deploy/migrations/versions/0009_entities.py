"""The engine's tables know entities of any resource; those that are there are users.

During an upgrade, apis of the build before read `operations` by the old names of its columns, and `deleted_users`,
to which nothing is added. Its writers cannot insert any more; the error says nothing about their data, so they wait.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

_ASCII = "CHARACTER SET ascii COLLATE ascii_bin"
_TABLE = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"
_USERS = f"resource VARCHAR(40) {_ASCII} NOT NULL DEFAULT 'users'"
#: Rows that the build before wrote get the default; ours always say which.
_NO_DEFAULT = "ALTER COLUMN resource DROP DEFAULT"


def upgrade() -> None:
    op.execute(f"""
        ALTER TABLE operations
            RENAME COLUMN user_id TO entity_id, RENAME COLUMN user_version TO entity_version,
            MODIFY command VARCHAR(60) NOT NULL, ADD COLUMN {_USERS} AFTER operation_id
    """)
    op.execute(f"""
        ALTER TABLE operations
            ADD COLUMN user_id CHAR(36) {_ASCII} GENERATED ALWAYS AS (entity_id) VIRTUAL,
            ADD COLUMN user_version BIGINT GENERATED ALWAYS AS (entity_version) VIRTUAL
    """)
    op.execute("RENAME TABLE email_releases TO released_values")
    op.execute("""
        ALTER TABLE released_values
            RENAME COLUMN email_key TO claim_key, RENAME COLUMN user_id TO entity_id,
            RENAME KEY email_releases_version TO released_values_version
    """)
    op.execute(f"""
        ALTER TABLE released_values
            ADD COLUMN claims VARCHAR(81) {_ASCII} NOT NULL DEFAULT 'emails' FIRST,
            DROP PRIMARY KEY, ADD PRIMARY KEY (claims, claim_key, entity_id)
    """)
    op.execute("ALTER TABLE released_values ALTER COLUMN claims DROP DEFAULT")
    op.execute(f"""
        CREATE TABLE deleted_entities (
            resource VARCHAR(40) {_ASCII} NOT NULL,
            entity_id CHAR(36) {_ASCII} NOT NULL,
            deleted_at DATETIME(6) NOT NULL,
            PRIMARY KEY (resource, entity_id),
            KEY deleted_entities_at (deleted_at)
        ) {_TABLE}
    """)
    op.execute("INSERT INTO deleted_entities SELECT 'users', user_id, deleted_at FROM deleted_users")
    op.execute(f"ALTER TABLE direct_keys RENAME COLUMN user_id TO entity_id, ADD COLUMN {_USERS} AFTER operation_id")
    op.execute(f"ALTER TABLE direct_keys {_NO_DEFAULT}")
    op.execute(f"ALTER TABLE operations {_NO_DEFAULT}")
    # Of a letter that names no resource, as of one that names no entity, nothing is known.
    op.execute(f"""
        ALTER TABLE dead_letters
            RENAME COLUMN user_id TO entity_id, RENAME KEY dead_letters_user TO dead_letters_entity,
            MODIFY command VARCHAR(60) NOT NULL, ADD COLUMN resource VARCHAR(40) {_ASCII} NULL AFTER operation_id
    """)
    op.execute("UPDATE dead_letters SET resource = 'users' WHERE entity_id IS NOT NULL AND command LIKE '%User'")
    op.execute("""
        ALTER TABLE dead_letter_groups RENAME COLUMN users TO entities, MODIFY command VARCHAR(60) NOT NULL
    """)


def downgrade() -> None:
    for table, most in (("operations", 20), ("dead_letters", 40), ("dead_letter_groups", 40)):
        op.execute(f"UPDATE {table} SET command = LEFT(command, {most}) WHERE CHAR_LENGTH(command) > {most}")  # noqa: S608
    op.execute("ALTER TABLE dead_letter_groups RENAME COLUMN entities TO users, MODIFY command VARCHAR(40) NOT NULL")
    op.execute("""
        ALTER TABLE dead_letters
            DROP COLUMN resource, RENAME COLUMN entity_id TO user_id,
            RENAME KEY dead_letters_entity TO dead_letters_user, MODIFY command VARCHAR(40) NOT NULL
    """)
    op.execute("DELETE FROM direct_keys WHERE resource != 'users'")
    op.execute("ALTER TABLE direct_keys DROP COLUMN resource, RENAME COLUMN entity_id TO user_id")
    op.execute("""
        INSERT INTO deleted_users SELECT entity_id, deleted_at FROM deleted_entities WHERE resource = 'users'
        ON DUPLICATE KEY UPDATE deleted_at = deleted_entities.deleted_at
    """)
    op.execute("DROP TABLE deleted_entities")
    op.execute("DELETE FROM released_values WHERE claims != 'emails'")
    op.execute("""
        ALTER TABLE released_values DROP PRIMARY KEY, DROP COLUMN claims, ADD PRIMARY KEY (claim_key, entity_id)
    """)
    op.execute("""
        ALTER TABLE released_values
            RENAME COLUMN claim_key TO email_key, RENAME COLUMN entity_id TO user_id,
            RENAME KEY released_values_version TO email_releases_version
    """)
    op.execute("RENAME TABLE released_values TO email_releases")
    op.execute("ALTER TABLE operations DROP COLUMN user_id, DROP COLUMN user_version, DROP COLUMN resource")
    op.execute("""
        ALTER TABLE operations
            RENAME COLUMN entity_id TO user_id, RENAME COLUMN entity_version TO user_version,
            MODIFY command VARCHAR(20) NOT NULL
    """)
