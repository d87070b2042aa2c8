"""Edit: turns the fields of a letter's entry into a document that a person or a patch may change, and back. Pure.

The document is an object with every field by its name, and `payload` as the JSON that it holds. Bytes that are not text
become `{"base64": ...}`. The fields that identify the write (`operation_id`, `resource`, `entity_id`, `version`) cannot
be changed, but only supplied if the entry has no plausible value: the operation stays the same.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import Field
from holdfast.shared.errors import DocumentTooLarge, MalformedJson
from holdfast.shared.letters.bytes_json import bytes_from_json, bytes_to_json
from holdfast.shared.letters.edit.patch import Operation, PatchFailed, patched
from holdfast.shared.queue.codec import ENTITY_ID_FIELDS, Undecodable, decode, raw_resource
from holdfast.shared.runtime.documents import WorkBudget, parse, refuse_repeated_names
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Write

_PAYLOAD = b"payload"
_ENTRY_ID = re.compile(r"[0-9]{1,13}-[0-9]{1,3}", re.ASCII)
_IDENTITY = ("operation_id", "resource", *(name.decode() for name in ENTITY_ID_FIELDS), "version")
#: The fields of an earlier replay; the next replay writes its own.
_TRACES = {b"replay", b"letter"}
_SIZE_MAX_BYTES = 4 * 2**20

Fields = Mapping[bytes, bytes]


class EditRefused(Exception):
    """The edited fields would not be a write. The message names the location and holds no data."""


@dataclass(frozen=True, slots=True)
class Edited:
    """The new fields, and the write that these fields decode to."""

    fields: dict[bytes, bytes]
    write: Write


def document(fields: Fields) -> dict[str, Any]:
    """Return the document of an entry's fields. Fields whose names are not text are left out; an edit keeps them as
    they are."""
    fields_by_name: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _TRACES and (text := _text(name)) is not None:
            fields_by_name[text] = _json(value) if name == _PAYLOAD else bytes_to_json(value)
    return fields_by_name


def edited(fields: Fields, changed: Any, entry_id: str) -> Edited | None:
    """Return the fields that the document `changed` describes, or None if nothing changes. `entry_id`: the id of the
    dead-lettered entry, which gives the version of a write without one. Raises EditRefused."""
    if not isinstance(changed, dict):
        raise EditRefused("the document is not an object")
    before = document(fields)
    _same_identity(fields, before, changed)
    if _plain(before) == _plain(changed):
        return None
    _not_of_the_payload(fields, before, changed)
    after = {name: value for name, value in fields.items() if _text(name) is None}
    for name, value in changed.items():
        raw = name.encode("utf-8", "surrogatepass")
        kept = name in before and _plain(before[name]) == _plain(value)
        after[raw] = fields[raw] if kept else _bytes(name, value)
    if not _sane_version(after.get(b"version")) and _ENTRY_ID.fullmatch(entry_id):
        after[b"version"] = str(versions.from_stream_id(entry_id)).encode()
    return _typed(fields, after)


def patched_fields(fields: Fields, patch: Sequence[Operation], entry_id: str, work: WorkBudget) -> Edited | None:
    """Return `fields` with the patch applied to their document, or None if nothing changes. Raises EditRefused, and
    OverBudget if `work` is used up."""
    try:
        return edited(fields, patched(document(fields), patch, work), entry_id)
    except PatchFailed as error:
        raise EditRefused(f"step {error.at + 1}: {error}") from None
    except DocumentTooLarge as error:
        raise EditRefused(str(error)) from None


def _typed(before: Fields, after: dict[bytes, bytes]) -> Edited:
    """Return the edited fields and their write. Changed values are cleaned as those of a request are, and then all
    fields are checked as those of any entry are. Raises EditRefused."""
    payload, old = _json(after.get(_PAYLOAD, b"")), _json(before.get(_PAYLOAD, b""))
    resource = domain().by_plural.get(raw_resource(after))
    if resource is not None and isinstance(payload, dict):
        clean = {
            name: _cleaned(resource.by_name[name], value)
            if name in resource.by_name and (not isinstance(old, dict) or name not in old or old[name] != value)
            else value
            for name, value in payload.items()
        }
        if clean != payload:
            after[_PAYLOAD] = orjson.dumps(clean)
    try:
        write = decode(after)
    except Undecodable as error:
        raise EditRefused(str(error)) from None
    if sum(len(name) + len(value) for name, value in after.items()) > _SIZE_MAX_BYTES:
        raise EditRefused(f"the edited entry has more than {_SIZE_MAX_BYTES} bytes")
    return Edited(after, write)


def _cleaned(field: Field, value: Any) -> Any:
    """Return a cleaned value. A value of another type is returned as it is, and the decoder refuses it. Raises
    EditRefused."""
    if type(value) is not field.type.python:
        return value
    try:
        return field.clean(value)
    except ValueError:
        raise EditRefused(f"payload.{field.name}: {field.message}; it {field.type.constraint}") from None


def _same_identity(fields: Fields, before: dict[str, Any], changed: dict[str, Any]) -> None:
    for name in _IDENTITY:
        raw = fields.get(name.encode())
        sane = _sane_version(raw) if name == "version" else _sane_id(raw)
        if sane and changed.get(name) != before[name]:
            raise EditRefused(f"{name} cannot be changed: an edit keeps the write's identity")


def _not_of_the_payload(fields: Fields, before: dict[str, Any], changed: dict[str, Any]) -> None:
    """Refuse a new field of the entry that has the name of one of the resource's fields: it belongs into the payload,
    and in the entry it would change nothing that is stored."""
    resource = domain().by_plural.get(raw_resource(fields))
    for name in changed.keys() - before.keys():
        if resource is not None and name in resource.by_name:
            how = f'{{"op": "add", "path": "/payload/{name}", "value": ...}}'
            raise EditRefused(f"{name} is a field of the payload, not of the entry; a patch changes it: [{how}]")


def _sane_id(value: bytes | None) -> bool:
    return value is not None and 0 < len(value) <= 36 and value.isascii()


def _sane_version(value: bytes | None) -> bool:
    return value is not None and value.isdigit() and len(value) <= 16 and 0 < int(value) < 2**53


def _bytes(name: str, value: Any) -> bytes:
    try:
        if name == "payload" and not (isinstance(value, dict) and value.keys() == {"base64"}):
            return orjson.dumps(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value).encode()
        raw = bytes_from_json(value)
    except (ValueError, TypeError):
        raise EditRefused(f"{name[:40]}: neither text nor base64") from None
    if name == "payload":
        _refuse_repeated_names(raw)
    return raw


def _refuse_repeated_names(payload: bytes) -> None:
    """Refuse payload bytes in which an object has a name twice. The decoder refuses bytes that are not JSON."""
    try:
        refuse_repeated_names(payload)
    except MalformedJson:
        raise EditRefused("payload: an object has a name twice") from None
    except (ValueError, RecursionError):
        pass


def _json(value: bytes) -> Any:
    """Return bytes as the JSON that they hold, or as text if they are not JSON or too large."""
    try:
        return parse(value)
    except (ValueError, DocumentTooLarge):
        return bytes_to_json(value)


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


def _plain(value: Any) -> bytes:
    """Return a value as JSON text for comparison, in which true differs from 1. Raises EditRefused."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        raise EditRefused("the document is not JSON") from None
