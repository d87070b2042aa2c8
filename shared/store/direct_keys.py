"""Direct keys: Idempotency-Keys of writes that were applied while the queue was down, kept until the queue knows
them."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import direct_keys, operations


class DirectKey(NamedTuple):
    """A key and the write that it was used for. `remember.lua` takes these values."""

    key_hash: str
    body_hash: str
    operation_id: str
    resource: str
    entity_id: str
    version: int


def waiting(engine: Engine, most: int) -> list[DirectKey]:
    """Return at most `most` keys that the queue does not know yet. Raises a Fault."""
    with reading(engine) as connection:
        return [DirectKey(*row) for row in connection.execute(sa.select(direct_keys).limit(most)).all()]


def handed_over(engine: Engine, keys: Iterable[DirectKey]) -> None:
    """Remove keys that the queue knows now. Raises a Fault."""
    which = sa.tuple_(direct_keys.c.key_hash, direct_keys.c.operation_id)
    gone = [(key.key_hash, key.operation_id) for key in keys]
    with transaction(engine) as connection:
        connection.execute(sa.delete(direct_keys).where(which.in_(gone)))


def anything_ended(engine: Engine) -> bool:
    """Return whether the database has any ended operation. Raises a Fault."""
    with reading(engine) as connection:
        return connection.execute(sa.select(operations.c.operation_id).limit(1)).one_or_none() is not None
