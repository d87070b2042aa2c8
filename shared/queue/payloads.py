"""Payloads: what the commands of the domain hold on the wire, derived from its declaration once.

Strict about shape and size, silent about style: what a person may type is decided once, where it is typed.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.writes.commands import VERBS, Command, Create, Delete, Heartbeat, Replace, Update, label


class Payload(NamedTuple):
    """What one command of one resource holds, and how the command is made of it."""

    label: str
    resource: ResourceType
    make: Callable[[Mapping[str, Any]], Command]
    validator: SchemaValidator
    json_schema: dict[str, Any]
    summary: str

    def command(self, text: bytes) -> Command:
        """The command that JSON text holds. Raises ValidationError."""
        return self.make(self.validator.validate_json(text))


def payloads() -> Mapping[bytes, Payload]:
    """Those of every command of this process's domain, by its label: `CreateUser`."""
    return _payloads(domain())


@cache
def _payloads(of: Domain) -> Mapping[bytes, Payload]:
    commands = [verb(resource, {}) for resource in of.resources for verb in VERBS]
    return {label(command).encode(): _payload(command) for command in (*commands, Heartbeat())}


def _payload(command: Command) -> Payload:
    fields = _fields(command)
    verb, resource = type(command), command.resource
    schema: CoreSchema = core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(_core(of), required=required) for name, (of, required) in fields.items()},
        extra_behavior="forbid",
    )
    if isinstance(command, Update):
        schema = core_schema.no_info_after_validator_function(_changes_something, schema)
    return Payload(
        label=label(command),
        resource=resource,
        make=lambda values: verb(resource, values),
        validator=SchemaValidator(schema),
        json_schema={
            "type": "object",
            "properties": {name: TypeAdapter(hint).json_schema() for name, (hint, _) in fields.items()},
            "required": [name for name, (_, required) in fields.items() if required],
            "additionalProperties": False,
            **({"minProperties": 1} if isinstance(command, Update) else {}),
        },
        summary=(verb.__doc__ or "").strip(),
    )


def _core(hint: Any) -> CoreSchema:
    return TypeAdapter(hint).core_schema


def _fields(command: Command) -> dict[str, tuple[Any, bool]]:
    """By name: the type of the value, and whether it has to be there."""
    match command:
        case Create() | Replace():
            return {each.name: (_value(each), each.required) for each in command.resource.fields}
        case Update():
            return {each.name: (_value(each), False) for each in command.resource.fields}
        case Delete() | Heartbeat():
            return {}


def _value(field: Field) -> Any:
    return field.type.wire if field.required else field.type.wire | None


def _changes_something(values: dict[str, Any]) -> dict[str, Any]:
    if not values:
        raise ValueError("at least one field is required")
    return values
