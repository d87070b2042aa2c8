"""Registry: the domain, that is, the resources that this process serves.

`HOLDFAST_DOMAIN` names the module or package that declares them.
"""

import hashlib
import importlib
import inspect
import linecache
import os
import re
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path

from holdfast.shared.domain import DEFAULT
from holdfast.shared.domain.errors import check_codes
from holdfast.shared.domain.resource import DeclarationError, Resource, ResourceType

#: Names that Holdfast itself uses in paths, Redis keys, tables and copies.
RESERVED = frozenset({
    "alembic_version", "apis", "attempts", "audit", "audit_letters", "audit_log", "audit_seals", "clock", "config",
    "dead", "dead_letter_actors", "dead_letter_bodies", "dead_letter_builds", "dead_letter_dues", "dead_letter_edits",
    "dead_letter_groups", "dead_letter_notes", "dead_letter_transforms", "dead_letter_trend", "dead_letters",
    "deleted_entities", "deleted_users", "direct_keys", "docs", "entity", "external_proxy", "go_on", "halts",
    "health", "heartbeat", "heartbeats", "key", "keys_since", "keys_used", "last_good", "ledger", "livez", "look",
    "metrics", "migration_lock", "notify", "on_disk", "op", "operation", "operation_totals", "operations", "page",
    "panic", "partitions", "queue_epochs", "readyz", "released", "released_values", "replay", "replay_items",
    "replays", "unique", "version", "writers", "writes",
})  # fmt: skip

#: Schemas of the API's document, apart from those of resources.
SCHEMAS = frozenset({
    "Breaker", "BreakerCounts", "BreakerReport", "BreakerStatus", "BreakerStatusResponse", "CircuitBreakerResponse",
    "DataFallback", "DataResponse", "Error", "ErrorResponse", "FallbackUse", "Health", "HealthCheck", "HealthResponse",
    "Meta", "Operation", "OperationError", "OperationResponse", "Override", "OverrideBody", "OverrideResponse",
    "Problem", "WriteAccepted", "WriteAcceptedResponse",
})  # fmt: skip
#: The schemas of each resource in that document: the name of its class, followed by one of these.
SCHEMAS_OF_ONE = (
    "", "Body", "CircuitBreakerResponse", "Fallback", "ListCircuitBreakerResponse", "ListFallback", "ListResponse",
    "Patch", "Response", "Written", "WrittenResponse",
)  # fmt: skip
#: Names of classes for which a schema would have the name of one of Holdfast's own.
CLASSES = frozenset(name.removesuffix(end) for name in SCHEMAS for end in SCHEMAS_OF_ONE) - {""}


class Domain:
    """The resources by their plural names, in the order of their declaration."""

    def __init__(self, resources: Iterable[ResourceType]) -> None:
        self.resources = tuple(resources)
        self.by_plural: Mapping[str, ResourceType] = {each.plural: each for each in self.resources}
        for what in ("name", "singular", "plural"):
            names = [getattr(each, what) for each in self.resources]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise DeclarationError(f"two resources have the {what} {', '.join(twice)}")
            for resource, name in zip(self.resources, names, strict=True):
                if name in RESERVED | CLASSES:
                    raise DeclarationError(
                        f"{resource.name}: Holdfast itself uses the {what} {name}, as `python -m holdfast.shared.domain"
                        " names` lists: declare another"
                    )
        schemas = Counter(each.name + end for each in self.resources for end in SCHEMAS_OF_ONE)
        if twice := sorted(name for name, count in schemas.items() if count > 1):
            raise DeclarationError(f"two parts of the API's description would be called {', '.join(twice)}")
        claims = [field.unique.claims for each in self.resources for field in each.unique if field.unique]
        if twice := sorted({name for name in claims if claims.count(name) > 1}):
            raise DeclarationError(f"two unique fields keep their claims under one name: {', '.join(twice)}")
        check_codes(self.resources)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint, which differs for every declaration."""
        return hashlib.sha256("".join(each.fingerprint for each in self.resources).encode()).hexdigest()[:8]


def load(name: str) -> Domain:
    """Return the domain that a module or package declares: its own resources and those that it imports. Raises
    DeclarationError or ImportError."""
    try:
        module = importlib.import_module(name)
    except (DeclarationError, ImportError):
        raise
    except Exception as error:
        raise DeclarationError(f"{_place(error) or name}: {type(error).__name__}: {error}") from error
    found = [
        each.type
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Resource) and each is not Resource
    ]
    if not found:
        raise DeclarationError(f"{name} declares no resource")
    return Domain(dict.fromkeys(found))


def _place(error: BaseException) -> str:
    """Return where a class or a module failed to load: `Book.title, catalogue.py line 7`."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if not code.co_flags & inspect.CO_OPTIMIZED and not code.co_filename.startswith("<"):
            field = re.match(r"\s+(\w+)\s*:", linecache.getline(code.co_filename, line))
            name = f"{code.co_name}.{field[1]}" if field else code.co_name
            place = f"{name.removeprefix('<module>').lstrip('.')}, {Path(code.co_filename).name} line {line}"
    return place.removeprefix(", ")


def configured() -> str:
    """Return the name of the module or package that declares this process's domain."""
    return os.environ.get("HOLDFAST_DOMAIN") or DEFAULT


@cache
def domain() -> Domain:
    """Return this process's domain."""
    return load(configured())
