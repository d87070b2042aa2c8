"""`python -m holdfast.shared.domain`: prints the resources that the module named by HOLDFAST_DOMAIN declares, and what
clients will see of them. `... names`: prints the reserved names. Exit code 2: the declaration is invalid; the reason is
printed."""

import sys
from collections.abc import Collection, Iterator, Mapping

from holdfast.shared.domain import registry
from holdfast.shared.domain.declared_field import OWN_NAMES, PAGE_PARAMETERS
from holdfast.shared.domain.errors import catalogue
from holdfast.shared.domain.registry import Domain, configured, load
from holdfast.shared.domain.resource import DeclarationError, Field


def main(arguments: list[str]) -> int:
    """Print the declaration or the reserved names. Return the exit code."""
    if arguments == ["names"]:
        sys.stdout.write("\n".join(_taken()) + "\n")
        return 0
    try:
        domain = load(configured())
    except (DeclarationError, ImportError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n".join(_lines(domain)) + "\n")
    return 0


def _taken() -> Iterator[str]:
    kinds: Mapping[str, Collection[str]] = {
        "a field": [*OWN_NAMES, "<class>_id"],
        "a field that is Unique()": PAGE_PARAMETERS,
        "a resource, singular or plural": registry.RESERVED,
        "a resource's class": [*registry.CLASSES, *(f"<class>{end}" for end in registry.SCHEMAS_OF_ONE if end)],
    }
    yield from (f"{kind}: {', '.join(sorted(names))}" for kind, names in kinds.items())


def _lines(domain: Domain) -> Iterator[str]:
    for resource in domain.resources:
        yield f"{resource.name}  /{resource.plural}, /{resource.plural}/{{{resource.singular}_id}}"
        yield from (f"  {_line(field)}" for field in resource.fields)
        yield f"  errors: {', '.join(error.code for error in catalogue([resource]))}"


def _line(field: Field) -> str:
    marks = [
        "required" if field.required else "may be null",
        "public" if field.public else "personal",
        *(["unique"] if field.unique else []),
    ]
    return f"{field.name} ({', '.join(marks)}): {field.type.constraint}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
