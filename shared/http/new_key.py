"""`python -m holdfast.shared.http.new_key NAME SCOPES [FILE]`: a new API key, and its line for the keys file.

With FILE the line is added to it, unless it holds a key of that name already.
"""

import sys
from pathlib import Path

from holdfast.shared.http.keys import new_key, parse
from holdfast.shared.runtime import files

_USAGE = (
    "python -m holdfast.shared.http.new_key NAME SCOPES [FILE]   "
    "(scopes: read, write, view, announce, operate, admin; joined by commas)"
)


def main(arguments: list[str]) -> int:
    """Print the key, which is stored nowhere."""
    if len(arguments) not in (2, 3):
        print(_USAGE, file=sys.stderr)
        return 2
    name, scopes, *file = arguments
    path = Path(file[0]) if file else None
    try:
        key, line = new_key(name, scopes)
        written = path.read_text() if path and path.exists() else ""
        if name in {principal.name for principal in parse(written).values()}:
            print(f"There is a key for {name} already. If it is lost, revoke it and create another.")
            return 0
        if path:
            files.replace(path, "\n".join([*written.splitlines(), line, ""]))
    except (OSError, ValueError) as error:
        print(f"{error}\n{_USAGE}", file=sys.stderr)
        return 2
    print(f"The key, which is not shown again:\n  {key}")
    if path is None:
        print(f"Its line for HOLDFAST_KEYS_FILE:\n  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
