"""Watch: checks the database during a run for states that may never exist. A state that was wrong for a moment is a
violation even if it is right at rest."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

Sql = Callable[[str], Iterable[tuple[Any, ...]]]
_EVERY_S = 0.5


class Watch:
    """The watch. `violations` lists each violation once."""

    def __init__(self, sql: Sql, now: Callable[[], float]) -> None:
        self._sql = sql
        self._now = now
        self._operations: dict[str, tuple[Any, ...]] = {}
        self._deleted: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self.violations: dict[str, None] = {}

    async def run(self) -> None:
        """Look again and again, without end."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self.look()

    def look(self) -> None:
        """Look once."""
        self._ends()
        self._users()

    def _ends(self) -> None:
        """Check that an ended operation does not change."""
        columns = "operation_id, entity_id, command, version, effect, entity_version"
        found = {row[0]: tuple(row) for row in self._sql(f"SELECT {columns} FROM operations")}
        for id, row in self._operations.items():
            if found.get(id) != row:
                self._wrong("lost", f"the operation {id} was {row}, and is {found.get(id)}")
        self._operations = found

    def _users(self) -> None:
        """Check that a unique value has one holder, that versions never decrease, and that what is deleted stays
        deleted. Of two deletes the earlier one counts, whichever is applied first."""
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
