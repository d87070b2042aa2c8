"""Patch: applies a JSON Patch (RFC 6902) with JSON Pointers (RFC 6901). It supports all six operations, and applies
either the whole patch or nothing."""

import re
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from holdfast.shared.runtime.documents import DEFAULT_BUDGET, Size, WorkBudget, measure, over

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_POINTER = r"^(/([^/~]|~[01])*)*$"


class PatchFailed(Exception):
    """The patch does not fit the document. `at`: the operation's index, from 0; the message holds no data."""

    def __init__(self, why: str, at: int = 0) -> None:
        super().__init__(why)
        self.at = at


class Operation(BaseModel):
    """One operation of a patch. Its member `from` is the attribute `source`."""

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


class _Patching:
    """A document while it is patched. It is never larger than a document may be, not even between two steps."""

    def __init__(self, document: Any, work: WorkBudget) -> None:
        self._work = work
        self._size = measure(document)
        self.root = {"": self._copied(document)}  # makes the whole document a member like any other

    def _copied(self, value: Any) -> Any:
        """Return a copy of a value. Raises OverBudget before it copies more than the budget allows."""
        self._work.spend(measure(value).values)
        return _copy(value)

    def _grow(self, pointer: str, value: Any) -> Any:
        """Return a copy of `value`, after checking that the document may grow by it at `pointer`."""
        more = measure(value)
        whole = _grown(self._size, pointer, more)
        if _exceeded(whole):
            # The kept size does not subtract what was removed, so measure again.
            self._work.spend(self._size.values)
            whole = _grown(measure(self.root[""]), pointer, more)
            if name := _exceeded(whole):
                over(name, getattr(DEFAULT_BUDGET, name))
        self._size = whole
        return self._copied(value)

    def step(self, step: Operation) -> None:
        """Apply one operation. Raises PatchFailed, OverBudget."""
        self._work.spend(1 + step.path.count("/"))
        match step.op:
            case "add":
                _add(self.root, step.path, self._grow(step.path, step.value))
            case "remove":
                _take(self.root, step.path)
            case "replace":
                _get(self.root, step.path)
                parent, key = _parent(self.root, step.path)
                parent[key] = self._grow(step.path, step.value)
            case "move":
                self._move(step.path, step.source or "")
            case "copy":
                _add(self.root, step.path, self._grow(step.path, _get(self.root, step.source or "")))
            case "test":
                self._work.spend(measure(step.value).values)
                if not _same(_get(self.root, step.path), step.value):
                    raise PatchFailed("the value differs")

    def _move(self, to: str, source: str) -> None:
        if to.startswith(source + "/"):
            raise PatchFailed("a value cannot be moved into itself")
        if to == source:
            _get(self.root, source)
            return
        value = _take(self.root, source)
        _add(self.root, to, self._grow(to, value))


def patched(document: Any, patch: Sequence[Operation], work: WorkBudget | None = None) -> Any:
    """Return the patched document; `document` itself stays as it is. `work`: the common budget of several documents.
    Raises PatchFailed, OverBudget."""
    patching = _Patching(document, work or WorkBudget())
    for at, step in enumerate(patch):
        try:
            patching.step(step)
        except PatchFailed as error:
            source = "" if step.source is None else f"{step.source[:100]} to "
            raise PatchFailed(f"{step.op} {source}{step.path[:100]}: {error}", at) from None
    return patching.root[""]


def _grown(size: Size, pointer: str, more: Size) -> Size:
    return Size(max(size.depth, pointer.count("/") + more.depth), size.values + more.values, size.bytes + more.bytes)


def _exceeded(size: Size) -> str | None:
    """Return the name of a limit that the size exceeds."""
    names = ("depth", "values", "bytes")
    return next((name for name in names if getattr(size, name) > getattr(DEFAULT_BUDGET, name)), None)


def _copy(value: Any) -> Any:
    """Copy a value that was measured before, so that it is not too deep for Python's stack."""
    if isinstance(value, dict):
        return {name: _copy(each) for name, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


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
    raise PatchFailed("there is no such location")


def _get(root: dict[str, Any], pointer: str) -> Any:
    value: Any = root
    for key in _keys(pointer):
        value = _step(value, key)
    return value


def _parent(root: dict[str, Any], pointer: str) -> tuple[Any, Any]:
    """Return the container of a location, and the key or index in it. The location itself need not exist."""
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
    raise PatchFailed("there is no such location")


def _add(root: dict[str, Any], pointer: str, value: Any) -> None:
    parent, key = _parent(root, pointer)
    if isinstance(parent, list):
        if key > len(parent):
            raise PatchFailed("there is no such location")
        parent.insert(key, value)
    else:
        parent[key] = value


def _take(root: dict[str, Any], pointer: str) -> Any:
    if pointer == "":
        raise PatchFailed("the whole document cannot be removed")
    value = _get(root, pointer)
    parent, key = _parent(root, pointer)
    del parent[key]
    return value


def _same(one: Any, other: Any) -> bool:
    """Return whether two values are equal as JSON: true differs from 1, and 1 equals 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
