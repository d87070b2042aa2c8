"""Patch: JSON Patch (RFC 6902) with JSON Pointer (RFC 6901). All six operations; all of a patch or nothing of it."""

import copy
import re
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_POINTER = r"^(/([^/~]|~[01])*)*$"


class PatchFailed(Exception):
    """The patch does not fit the document. `at`: the operation's number, from 0; the text holds no data."""

    def __init__(self, why: str, at: int = 0) -> None:
        super().__init__(why)
        self.at = at


class Operation(BaseModel):
    """One step. `from` is `source` here."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=False)

    op: Literal["add", "remove", "replace", "move", "copy", "test"]
    path: str = Field(max_length=1000, pattern=_POINTER)
    source: str | None = Field(default=None, alias="from", max_length=1000, pattern=_POINTER)
    value: Any = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.op in ("add", "replace", "test") and "value" not in self.model_fields_set:
            raise ValueError(f"{self.op} needs a value")
        if self.op in ("move", "copy") and self.source is None:
            raise ValueError(f"{self.op} needs a from")
        return self


def patched(document: Any, patch: Sequence[Operation]) -> Any:
    """A new document. Raises PatchFailed."""
    root = {"": copy.deepcopy(document)}  # so that the whole document is a member like any other
    for at, step in enumerate(patch):
        try:
            _one(root, step)
        except PatchFailed as error:
            raise PatchFailed(f"{step.op} {step.path[:100]}: {error}", at) from None
    return root[""]


def _one(root: dict[str, Any], step: Operation) -> None:
    match step.op:
        case "add":
            _add(root, step.path, copy.deepcopy(step.value))
        case "remove":
            _take(root, step.path)
        case "replace":
            _get(root, step.path)
            parent, key = _parent(root, step.path)
            parent[key] = copy.deepcopy(step.value)
        case "move":
            source = step.source or ""
            if step.path.startswith(source + "/"):
                raise PatchFailed("a value cannot be moved into itself")
            _add(root, step.path, _take(root, source))
        case "copy":
            _add(root, step.path, copy.deepcopy(_get(root, step.source or "")))
        case "test":
            if not _same(_get(root, step.path), step.value):
                raise PatchFailed("the value is another")


def _keys(pointer: str) -> list[str]:
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")]


def _step(value: Any, key: str) -> Any:
    match value:
        case dict():
            if key in value:
                return value[key]
        case list():
            if _INDEX.fullmatch(key) and int(key) < len(value):
                return value[int(key)]
        case _:
            pass
    raise PatchFailed("there is no such place")


def _get(root: dict[str, Any], pointer: str) -> Any:
    value: Any = root
    for key in _keys(pointer):
        value = _step(value, key)
    return value


def _parent(root: dict[str, Any], pointer: str) -> tuple[Any, Any]:
    """Of a place, which need not exist: what holds it, and under which key or index."""
    *way, last = _keys(pointer)
    parent: Any = root
    for key in way:
        parent = _step(parent, key)
    match parent:
        case dict():
            return parent, last
        case list() if last == "-":
            return parent, len(parent)
        case list() if _INDEX.fullmatch(last):
            return parent, int(last)
        case _:
            pass
    raise PatchFailed("there is no such place")


def _add(root: dict[str, Any], pointer: str, value: Any) -> None:
    parent, key = _parent(root, pointer)
    if isinstance(parent, list):
        if key > len(parent):
            raise PatchFailed("there is no such place")
        parent.insert(key, value)
    else:
        parent[key] = value


def _take(root: dict[str, Any], pointer: str) -> Any:
    value = _get(root, pointer)
    parent, key = _parent(root, pointer)
    del parent[key]
    return value


def _same(one: Any, other: Any) -> bool:
    """As JSON has it: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
