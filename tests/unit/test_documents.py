"""JSON from outside costs no more than is allowed, and is refused with a named reason otherwise."""

import json
import resource
import subprocess
import sys
import textwrap
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from holdfast.shared.errors import OverBudget
from holdfast.shared.letters import mask
from holdfast.shared.letters.edit.document import document
from holdfast.shared.letters.edit.patch import Operation, PatchFailed, patched
from holdfast.shared.runtime.documents import DEFAULT_BUDGET, Budget, WorkBudget, malformed, measure, parse

_PATCH = TypeAdapter(list[Operation])
_KEYS = st.sampled_from(["", "a", "b", "0", "1", "-", "999999999", "~0", "~1", "ü"])
_POINTERS = st.lists(_KEYS, max_size=6).map(lambda keys: "".join(f"/{key}" for key in keys))
_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_NAMES = _KEYS.filter(lambda key: "~" not in key)
_DOCUMENTS = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=20
)


def _operation(op: str, path: str, source: str, value: Any) -> dict[str, Any]:
    return {"op": op, "path": path} | ({"from": source} if op in ("move", "copy") else {"value": value})


_OPERATIONS = st.builds(
    _operation, st.sampled_from(["add", "remove", "replace", "move", "copy", "copy", "test"]), _POINTERS, _POINTERS,
    _DOCUMENTS,
)  # fmt: skip


@settings(max_examples=150)
@given(_DOCUMENTS, st.lists(_OPERATIONS, max_size=60))
def test_any_patch_ends_in_a_document_or_a_reason(whole: Any, steps: list[dict[str, Any]]) -> None:
    """A patch raises an error with a reason, or its result is within the budget and can be written; the document itself
    is unchanged."""
    before = json.dumps(whole)
    try:
        after = patched(whole, _PATCH.validate_python(steps))
    except (PatchFailed, OverBudget):
        pass
    else:
        measure(after)
        orjson.dumps(after)
    assert json.dumps(whole) == before


def _nested(kind: str, depth: int) -> bytes:
    opened, closed = {"list": (b"[", b"]"), "object": (b'{"a":', b"}"), "open": (b"[", b"")}[kind]
    return opened * depth + b"1" + closed * depth


@pytest.mark.parametrize("kind", ["list", "object", "open"])
@pytest.mark.parametrize("depth", [101, 199, 201, 255, 1023, 1025, 20_000])
def test_depth_is_refused_by_name(kind: str, depth: int) -> None:
    """JSON that is too deep is refused by name at every depth where some parser, writer or stack would give up, even if
    the JSON is not complete."""
    raw = _nested(kind, depth)
    with pytest.raises((OverBudget, orjson.JSONDecodeError)) as caught:
        parse(raw)
    if kind != "open" or depth > DEFAULT_BUDGET.depth:
        assert isinstance(caught.value, OverBudget)
        assert caught.value.details == {"budget": "depth", "most": DEFAULT_BUDGET.depth}


@pytest.mark.parametrize("raw", [b'"' + b"[" * 5000 + b'"', b'"\\"' + b"[" * 5000 + b'"', b'["[[[", "\\\\", "]"]'])
def test_brackets_in_text_have_no_depth(raw: bytes) -> None:
    """Brackets inside text add no depth, because only what the parser counts is counted."""
    assert parse(raw) == orjson.loads(raw)


_WIDE, _LONG = b"[" + b"1," * 2000 + b"1]", b'"' + b"x" * 2000 + b'"'


@pytest.mark.parametrize(
    ("raw", "budget", "name"), [(_WIDE, Budget(values=1000), "values"), (_LONG, Budget(bytes=1000), "bytes")]
)
def test_width_is_refused_by_name(raw: bytes, budget: Budget, name: str) -> None:
    """JSON with too many values or bytes is refused with the name of the budget."""
    with pytest.raises(OverBudget) as caught:
        parse(raw, budget)
    assert (caught.value.details or {})["budget"] == name


def test_work_on_many_is_bounded() -> None:
    """Work on many documents is bounded, however small each is, and by the clock as well."""
    work = WorkBudget(values=1000)
    patch = _PATCH.validate_python([{"op": "test", "path": "/a/0", "value": 1}])
    with pytest.raises(OverBudget) as caught:
        [patched({"a": [1, 2, 3]}, patch, work) for _ in range(1000)]
    assert (caught.value.details or {})["budget"] == "work"
    late = WorkBudget(seconds=-1)
    with pytest.raises(OverBudget) as caught:
        late.spend(1)
    assert (caught.value.details or {})["budget"] == "seconds"


@pytest.mark.parametrize("depth", [90, 300, 1020, 5000])
def test_a_deep_payload_is_text(depth: int) -> None:
    """A stored payload that is too deep is shown, masked and patched around as the text that it is."""
    shown = document({b"schema": b"1", b"payload": _nested("list", depth)})
    assert isinstance(shown["payload"], str) == (depth > DEFAULT_BUDGET.depth)
    after = patched(shown, _PATCH.validate_python([{"op": "replace", "path": "/schema", "value": "2"}]))
    orjson.dumps([after, mask.value(after, revealed=False)])


_BOMBS = textwrap.dedent("""
    import resource, sys
    from pydantic import TypeAdapter
    from holdfast.shared.errors import OverBudget
    from holdfast.shared.letters.edit.patch import Operation, PatchFailed, patched
    patch = TypeAdapter(list[Operation]).validate_python
    document = {"payload": {"a": ["x" * 1000] * 10}}
    bombs = [
        [{"op": "copy", "from": "/payload", "path": f"/payload/{n}"} for n in range(100)],
        [{"op": "copy", "from": "", "path": "/payload/a/-"} for n in range(100)],
        [{"op": "copy", "from": "/payload/a", "path": "/payload/a/0"} for n in range(100)],
        [{"op": "add", "path": "/payload/a/0", "value": ["y" * 10_000] * 100}] * 100,
        [step for n in range(50) for step in ({"op": "copy", "from": "/payload", "path": "/payload/b"},
                                             {"op": "move", "from": "/payload/b", "path": "/payload/a"})],
    ]
    for bomb in bombs:
        try:
            patched(document, patch(bomb))
        except (OverBudget, PatchFailed) as error:
            print(type(error).__name__)
""")


def test_bombs_cost_little_memory() -> None:
    """Patches that would multiply a document are refused in a process that may have little more memory than it takes to
    start."""
    limit = 768 * 2**20  # of address space, most of which is libraries
    done = subprocess.run(
        [sys.executable, "-c", _BOMBS], capture_output=True, text=True, timeout=240,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DocumentTooLarge" in done.stdout


@settings(max_examples=150)
@given(_DOCUMENTS, st.integers(1, 5), st.integers(1, 12))
def test_what_needs_no_walk_is_within_the_budget(whole: Any, depth: int, values: int) -> None:
    """A document is accepted exactly when walking it would accept it, as text and as bytes."""
    budget = Budget(depth=depth, values=values)
    raw = json.dumps(whole)
    for text in (raw, raw.encode(), orjson.dumps(whole)):
        try:
            measure(orjson.loads(raw), budget)
        except OverBudget:
            with pytest.raises(OverBudget):
                parse(text, budget)
        else:
            assert parse(text, budget) == orjson.loads(raw)


@pytest.mark.parametrize(
    ("raw", "says"),
    [(b"", "empty document, in line 1, column 1."),
     (b'{\n"a": 1,}', "trailing comma is not allowed, in line 2, column 7."),
     (b"[" * 101 + b"]" * 101, "more than 100 levels."), (b"[" * 200, "more than 100 levels.")],
    ids=["empty", "comma", "deep", "deep and not closed"],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_where(raw: bytes, says: str) -> None:
    """The error states what is wrong and where, so that the sender finds the place."""
    assert malformed(raw).message.endswith(says)
