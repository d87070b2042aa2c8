"""`python -m holdfast.shared.http.revoke_key NAME FILE`: remove every key of that name from a keys file.
Running services notice within two seconds."""

import sys
from pathlib import Path

from holdfast.shared.http.keys import parse
from holdfast.shared.runtime import files

_USAGE = "python -m holdfast.shared.http.revoke_key NAME FILE"


def main(arguments: list[str]) -> int:
    """Exit code 1: there is no key of that name."""
    if len(arguments) != 2:
        print(_USAGE, file=sys.stderr)
        return 2
    name, path = arguments[0], Path(arguments[1])
    try:
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if name not in {principal.name for principal in parse(line).values()}]
        if len(kept) < len(lines):
            files.replace(path, "".join(kept))
    except (OSError, ValueError) as error:
        print(f"{error}\n{_USAGE}", file=sys.stderr)
        return 2
    if len(kept) == len(lines):
        print(f"There is no key for {name}.", file=sys.stderr)
        return 1
    print(f"Revoked: {len(lines) - len(kept)} key(s) of {name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
