"""Suggestion: guesses a patch to start from, based on the fields that an entry lacks and those it has in excess.
Pure."""

import difflib
from collections.abc import Mapping
from itertools import islice
from typing import Any

from holdfast.shared.letters.edit.document import document
from holdfast.shared.queue.codec import SCHEMA
from holdfast.shared.queue.payloads import Payload, payloads

_NAMES_MAX = 5
_NAME_MAX_CHARS = 100
#: Most unknown names that are compared with the missing ones.
_COMPARED_MAX = 100
_ALIKE = 0.4
#: A blank for the operator to replace. No required field accepts this value, so a blank is never applied by mistake.
_VALUE = None
#: How a payload that is not JSON is shown; no client sent a field of that name.
_RAW = {"base64"}

Step = dict[str, Any]


def suggested(fields: Mapping[bytes, bytes]) -> list[Step]:
    """Return the steps of a JSON Patch for the entry's document. A value that cannot be guessed is null."""
    whole = document(fields)
    payload, known = whole.get("payload"), payloads().get(fields.get(b"command", b""))
    steps: list[Step] = []
    if fields.get(b"schema", SCHEMA) not in (b"1", SCHEMA):
        steps.append({"op": "replace", "path": "/schema", "value": SCHEMA.decode()})
    if known is None:
        return steps or [{"op": "add", "path": "/command", "value": _VALUE}]
    if not isinstance(payload, dict) or payload.keys() == _RAW:
        values = dict.fromkeys(known.json_schema["required"], _VALUE)
        return [*steps, {"op": "add", "path": "/payload", "value": values}]
    steps += _names(payload, known) or _values(payload, known)
    first = next(iter(known.json_schema["properties"]), None)
    return steps or [{"op": "replace", "path": f"/payload/{first}" if first else "/payload", "value": _VALUE}]


def has_blank(step: Step) -> bool:
    """Return whether the step has a value that the operator must replace."""
    value = step.get("value", 0)
    return value is _VALUE or (isinstance(value, dict) and _VALUE in value.values())


def _names(payload: Mapping[str, Any], known: Payload) -> list[Step]:
    """Return steps for fields that were renamed, are missing, or are not declared by the resource."""
    unknown = (name for name in payload if name not in known.json_schema["properties"] and len(name) <= _NAME_MAX_CHARS)
    extra = list(islice(unknown, _COMPARED_MAX))
    steps: list[Step] = []
    for name in [each for each in known.json_schema["required"] if each not in payload]:
        alike = difflib.get_close_matches(name, extra, 1, _ALIKE) or (extra if len(extra) == 1 else [])
        if alike:
            extra.remove(alike[0])
            steps.append({"op": "move", "from": _at(alike[0]), "path": _at(name)})
        else:
            steps.append({"op": "add", "path": _at(name), "value": _VALUE})
    return [*steps, *({"op": "remove", "path": _at(name)} for name in extra[:_NAMES_MAX])]


def _values(payload: Mapping[str, Any], known: Payload) -> list[Step]:
    """Return steps for values that the resource's declaration does not allow."""
    return [
        {"op": "replace", "path": _at(name), "value": _VALUE}
        for name, field in known.resource.by_name.items()
        if name in payload and not _is_valid(field, payload[name])
    ]


def _is_valid(field: Any, value: Any) -> bool:
    if value is None and not field.required:
        return True
    try:
        return type(value) is field.type.python and bool(field.clean(value) is not None)
    except ValueError:
        return False


def _at(name: str) -> str:
    return "/payload/" + name.replace("~", "~0").replace("/", "~1")
