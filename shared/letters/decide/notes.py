"""Notes: writes the notes of operators on groups."""

import sqlalchemy as sa

from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.index.statements import insert, now
from holdfast.shared.letters.index.tables import groups, notes
from holdfast.shared.store.engine import Engine, transaction

_WRITE = insert(
    "dead_letter_notes",
    ("fingerprint", "note", "author", "at"),
    on_clash="note = VALUES(note), author = VALUES(author), at = VALUES(at)",
)


def write(engine: Engine, fingerprint: str, text: str, actor: Actor) -> bool:
    """Write the note on a group, or remove it if the text is empty. The audit keeps every version. Return whether the
    group exists. Raises a Fault."""
    with transaction(engine) as connection:
        if connection.execute(sa.select(groups.c.reason).where(groups.c.fingerprint == fingerprint)).first() is None:
            return False
        if text:
            connection.exec_driver_sql(_WRITE, (fingerprint, text, actor.name, now()))
        else:
            connection.execute(sa.delete(notes).where(notes.c.fingerprint == fingerprint))
        where = {"fingerprint": fingerprint}
        record(connection, actor, AuditAction.NOTE, selection=where, details={"note": text})
        return True
