"""The domain: the resources that this process serves.

`HOLDFAST_DOMAIN` names the module or package that declares them.
"""

import importlib
import os
from collections.abc import Iterable, Mapping
from functools import cache

from holdfast.shared.domain import DEFAULT
from holdfast.shared.domain.resource import DeclarationError, Resource, ResourceType

#: Names that Holdfast has taken: of its own paths, keys in Redis, tables, and copies.
RESERVED = frozenset({
    "alembic_version", "attempts", "audit", "audit_letters", "audit_log", "audit_seals", "clock", "config", "dead",
    "dead_letter_actors", "dead_letter_bodies", "dead_letter_builds", "dead_letter_dues", "dead_letter_edits",
    "dead_letter_groups", "dead_letter_notes", "dead_letter_transforms", "dead_letter_trend", "dead_letters",
    "deleted_entities", "deleted_users", "direct_keys", "docs", "entity", "go_on", "halts", "health", "heartbeat",
    "heartbeats", "key", "keys_since", "last_good", "ledger", "livez", "metrics", "notify", "op", "operation",
    "operation_totals", "operations", "page", "panic", "readyz", "released_values", "replay", "replay_items", "replays",
    "unique", "version", "writers", "writes",
})  # fmt: skip


class Domain:
    """Resources by their plural names, in the order of their declaration."""

    def __init__(self, resources: Iterable[ResourceType]) -> None:
        self.resources = tuple(resources)
        self.by_plural: Mapping[str, ResourceType] = {each.plural: each for each in self.resources}
        for what in ("name", "singular", "plural"):
            names = [getattr(each, what) for each in self.resources]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise DeclarationError(f"two resources have the {what} {', '.join(twice)}")
            if taken := sorted(RESERVED.intersection(names)):
                raise DeclarationError(f"Holdfast itself has something of the name {', '.join(taken)}")
        claims = [field.unique.claims for each in self.resources for field in each.unique if field.unique]
        if taken := sorted(RESERVED.intersection(claims)):
            raise DeclarationError(f"Holdfast itself keeps something under the name {', '.join(taken)}, not claims")
        if len(claims) != len(set(claims)):
            raise DeclarationError("two unique fields keep their claims under one name")


def load(name: str) -> Domain:
    """The resources that a module declares or imports. Raises DeclarationError, or what importing raises."""
    module = importlib.import_module(name)
    found = [
        each.type
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Resource) and each is not Resource
    ]
    if not found:
        raise DeclarationError(f"{name} declares no resource")
    return Domain(found)


def configured() -> str:
    """What names the module or package of this process's own."""
    return os.environ.get("HOLDFAST_DOMAIN") or DEFAULT


@cache
def domain() -> Domain:
    """This process's own."""
    return load(configured())
