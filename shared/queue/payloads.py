"""Payloads: what the commands of the domain hold on the wire, derived once from the domain's declaration.

The values of a command were checked and cleaned when its request was accepted. A write of an earlier build is decoded
as the declaration says: a required field that the write lacks gets its `Backfill`, and a removed field is left out.
"""

from collections.abc import Callable, Mapping
from functools import cache
from inspect import cleandoc
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from holdfast.shared.domain.registry import Domain, domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.domain.resource_type import NOT_AS_DECLARED
from holdfast.shared.writes.commands import VERBS, Command, Create, Delete, Heartbeat, Replace, Update, label


class Payload(NamedTuple):
    """The content of one command of one resource, and how the command is made from that content."""

    label: str
    resource: ResourceType
    make: Callable[[Mapping[str, Any]], Command]
    validator: SchemaValidator
    #: Values of required fields that earlier builds did not require.
    backfill: Mapping[str, Any]
    removed: tuple[str, ...]
    #: Whether the command sets every field.
    whole: bool
    json_schema: dict[str, Any]
    summary: str

    def command(self, text: bytes) -> Command:
        """Return the command that JSON text holds. Raises ValidationError."""
        values = self.validator.validate_json(text)
        for name in self.removed:
            values.pop(name, None)
        for name, value in self.backfill.items():
            if values.get(name, None if self.whole else value) is None:
                values[name] = value
        return self.make(values)


def payloads() -> Mapping[bytes, Payload]:
    """Return the payload of every command of this process's domain, by the command's label: `CreateUser`."""
    return _payloads(domain())


@cache
def _payloads(of: Domain) -> Mapping[bytes, Payload]:
    commands = [verb(resource, {}) for resource in of.resources for verb in VERBS]
    return {label(command).encode(): _payload(command) for command in (*commands, Heartbeat())}


def _payload(command: Command) -> Payload:
    resource, whole = command.resource, isinstance(command, Create | Replace)
    verb: Callable[[ResourceType, Mapping[str, Any]], Command] = type(command)
    fields = {} if isinstance(command, Delete | Heartbeat) else {each.name: each for each in resource.fields}
    required = [name for name, each in fields.items() if each.required and whole]
    removed = resource.removed if fields else ()
    backfill = {name: each.backfill.value for name, each in fields.items() if each.backfill}
    schema: CoreSchema = core_schema.typed_dict_schema(
        {
            name: core_schema.typed_dict_field(_core(each), required=name in required and name not in backfill)
            for name, each in fields.items()
        }
        | {name: core_schema.typed_dict_field(core_schema.any_schema(), required=False) for name in removed},
        extra_behavior="forbid",
    )
    if isinstance(command, Update):
        schema = core_schema.no_info_after_validator_function(_changes_something, schema)
    return Payload(
        label=label(command),
        resource=resource,
        make=lambda values: verb(resource, values),
        validator=SchemaValidator(schema),
        backfill=backfill,
        removed=removed,
        whole=whole,
        json_schema={
            "type": "object",
            "properties": {name: _described(each) for name, each in fields.items()},
            "required": required,
            "additionalProperties": False,
            **({"minProperties": 1} if isinstance(command, Update) else {}),
        },
        summary=cleandoc(verb.__doc__ or ""),
    )


def _core(field: Field) -> CoreSchema:
    hint = field.wire if field.required and not field.backfill else field.wire | None
    return TypeAdapter(hint).core_schema


def _described(field: Field) -> dict[str, Any]:
    schema = field.type.json_schema
    return schema if field.required else {"anyOf": [schema, {"type": "null"}]}


def _changes_something(values: dict[str, Any]) -> dict[str, Any]:
    if not values:
        raise PydanticCustomError(NOT_AS_DECLARED, "at least one field is required")
    return values
