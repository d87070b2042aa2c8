"""Watch: what may never be, looked at all the time while a run goes on, in the database itself. What is right at rest
and was wrong for a moment has been wrong."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

Sql = Callable[[str], Iterable[tuple[Any, ...]]]
_EVERY_S = 0.5


class Watch:
    """`violations` grows as things go wrong; each is reported once."""

    def __init__(self, sql: Sql, now: Callable[[], float]) -> None:
        self._sql = sql
        self._now = now
        self._operations: dict[str, tuple[Any, ...]] = {}
        self._deleted: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self.violations: dict[str, None] = {}

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.look()

    def look(self) -> None:
        """Once."""
        self._ends()
        self._users()

    def _ends(self) -> None:
        """An operation that is over stays as it is."""
        columns = "operation_id, entity_id, command, version, effect, entity_version"
        found = {row[0]: tuple(row) for row in self._sql(f"SELECT {columns} FROM operations")}
        for id, row in self._operations.items():
            if found.get(id) != row:
                self._wrong("lost", f"the operation {id} was {row}, and is {found.get(id)}")
        self._operations = found

    def _users(self) -> None:
        """A value that is unique has one holder, a version never goes back, and what is deleted stays so. Of two
        deletes the earlier one is the delete, whichever of them comes first."""
        holders: dict[str, str] = {}
        columns = "id, email_key, name_version, email_version, created_version, deleted_version"
        for id, key, *versions, deleted in self._sql(f"SELECT {columns} FROM users"):
            version = max(versions)
            if version < self._versions.get(id, 0):
                self._wrong("inverted", f"the user {id} went back from {self._versions[id]} to {version}")
            self._versions[id] = version
            if (before := self._deleted.get(id)) and not 0 < deleted <= before:
                self._wrong(
                    "resurrected", f"the user {id} was deleted at {before}, and is at {deleted or 'no version'}"
                )
            self._deleted[id] = deleted
            if key is not None and key in holders:
                self._wrong("doubled", f"{key} is held by {holders[key]} and {id}")
            holders[key] = id

    def _wrong(self, kind: str, what: str) -> None:
        self.violations.setdefault(f"{kind}: {what}, at {self._now():.3f} s")
