"""Knowledge: which entries a process can decode. Each writer reports its own knowledge; an api puts only entries on the
queue that every running writer can decode, and applies the other writes itself.

The limits of values are not part of it: a longer text that only a newer build allows waits for a writer of that build.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

import orjson

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.queue.codec import SCHEMA, SCHEMAS
from holdfast.shared.queue.payloads import payloads


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The schemas of entries and the fields of each command that a process can decode."""

    schemas: frozenset[str]
    commands: Mapping[str, frozenset[str]]

    def covers(self, label: str, fields: Iterable[str]) -> bool:
        """Return whether the process can decode an entry of this build for a command with these fields."""
        known = self.commands.get(label)
        return SCHEMA.decode() in self.schemas and known is not None and known.issuperset(fields)

    def covers_all(self, other: Self) -> bool:
        """Return whether the process can decode every entry of this build for the commands and fields in `other`."""
        return all(self.covers(label, fields) for label, fields in other.commands.items())

    def to_text(self) -> str:
        """Return the text that `from_text` reads."""
        commands = {label: sorted(fields) for label, fields in self.commands.items()}
        return orjson.dumps({"schemas": sorted(self.schemas), "commands": commands}).decode()

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Return the knowledge that a text of `to_text` holds, or None if it is no such text."""
        try:
            found = orjson.loads(text)
            commands = {str(label): frozenset(map(str, fields)) for label, fields in found["commands"].items()}
            return cls(frozenset(map(str, found["schemas"])), commands)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


#: The assumed knowledge of a process that reports none and has another declaration.
NOTHING = Knowledge(frozenset(), {})


def own() -> Knowledge:
    """Return the knowledge of this process."""
    return _own(domain())


@cache
def _own(_: Domain) -> Knowledge:
    commands = {
        label.decode(): frozenset((*payload.json_schema["properties"], *payload.removed))
        for label, payload in payloads().items()
    }
    return Knowledge(frozenset(schema.decode() for schema in SCHEMAS), commands)
