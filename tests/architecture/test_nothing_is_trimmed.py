"""An entry of a stream is removed when it is settled, and by nothing else. A length limit that is high enough for every
test would discard entries in the longest outage, so this test searches the code for such limits."""

import ast
import re
from pathlib import Path

#: The audit stream holds only the latest events, all of which are in the table; an order to a breaker is over in a
#: day.
_BOUNDED = {"shared/queue/audit.py", "shared/fleet/board.py"}
_TRIMS = re.compile(r"MAXLEN|MINID|XTRIM", re.IGNORECASE)


def test_no_script_bounds_a_stream() -> None:
    """No Lua script limits the length of a stream, comments aside."""
    scripts = list(Path("shared").rglob("*.lua")) + list(Path("services").rglob("*.lua"))
    assert scripts
    found = [
        f"{file}:{number}"
        for file in scripts
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if _TRIMS.search(line.partition("--")[0])
    ]
    assert found == []


def test_no_call_bounds_a_stream() -> None:
    """No call limits the length of a stream by `xadd(maxlen=…)`, `xadd(minid=…)`, `xtrim(…)` or a command by its
    name."""
    found = {
        str(file)
        for folder in ("services", "shared")
        for file in Path(folder).rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and _bounds(call)
    }
    assert found == _BOUNDED


def _bounds(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    words = {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
    given = {keyword.arg for keyword in call.keywords}
    return (
        name == "xtrim" or (name == "xadd" and bool(given & {"maxlen", "minid"})) or bool({"XTRIM", "MAXLEN"} & words)
    )
