"""Knowledge: which entries a process can decode. Each writer reports its own; an api gives the queue only what every
writer that runs can decode, and applies the rest itself.

What a value may be is not part of it: a longer text that only a newer build allows waits for a writer of that build.
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
    """Schemas of entries, and the fields of each command."""

    schemas: frozenset[str]
    commands: Mapping[str, frozenset[str]]

    def covers(self, label: str, fields: Iterable[str]) -> bool:
        """Whether an entry that this build makes of a command with these fields can be decoded."""
        known = self.commands.get(label)
        return SCHEMA.decode() in self.schemas and known is not None and known.issuperset(fields)

    def covers_all(self, other: Self) -> bool:
        """Whether every entry that this build makes of what `other` knows can be decoded."""
        return all(self.covers(label, fields) for label, fields in other.commands.items())

    def to_text(self) -> str:
        """As `from_text` takes it."""
        commands = {label: sorted(fields) for label, fields in self.commands.items()}
        return orjson.dumps({"schemas": sorted(self.schemas), "commands": commands}).decode()

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """None: it is not the text of any."""
        try:
            found = orjson.loads(text)
            commands = {str(label): frozenset(map(str, fields)) for label, fields in found["commands"].items()}
            return cls(frozenset(map(str, found["schemas"])), commands)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


#: Of a process that reports none and has another declaration.
NOTHING = Knowledge(frozenset(), {})


def own() -> Knowledge:
    """Of this process."""
    return _own(domain())


@cache
def _own(_: Domain) -> Knowledge:
    commands = {
        label.decode(): frozenset((*payload.json_schema["properties"], *payload.removed))
        for label, payload in payloads().items()
    }
    return Knowledge(frozenset(schema.decode() for schema in SCHEMAS), commands)
