"""Key file: the command that manages keys files. Running services notice a change within two seconds.

python -m holdfast.shared.http.key_file add NAME SCOPES [FILE]    create a key; its line goes to FILE, or is printed
python -m holdfast.shared.http.key_file revoke NAME FILE          remove every key of that name

Scopes: read, write, view, announce, operate, admin; joined by commas."""

import sys
from pathlib import Path

from holdfast.shared.http.keys import new_key, parse
from holdfast.shared.runtime import files


def main(arguments: list[str]) -> int:
    """Run the command. Return exit code 1 if there is no key to revoke, 2 for an error."""
    try:
        match arguments:
            case ["add", name, scopes, *file] if len(file) < 2:
                return _add(name, scopes, Path(file[0]) if file else None)
            case ["revoke", name, file]:
                return _revoke(name, Path(file))
            case _:
                raise ValueError("unknown arguments")
    except (OSError, ValueError) as error:
        print(f"{error}\n{__doc__}", file=sys.stderr)
        return 2


def _add(name: str, scopes: str, path: Path | None) -> int:
    key, line = new_key(name, scopes)
    written = path.read_text() if path and path.exists() else ""
    if name in _names(written):
        print(f"There is a key for {name} already. If it is lost, revoke it and create another.")
        return 0
    if path:
        files.replace(path, "\n".join([*written.splitlines(), line, ""]))
    print(f"The key, which is not shown again:\n  {key}")
    if path is None:
        print(f"Its line for HOLDFAST_KEYS_FILE:\n  {line}")
    return 0


def _revoke(name: str, path: Path) -> int:
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if name not in _names(line)]
    if len(kept) == len(lines):
        print(f"There is no key for {name}.", file=sys.stderr)
        return 1
    files.replace(path, "".join(kept))
    print(f"Revoked: {len(lines) - len(kept)} key(s) of {name}.")
    return 0


def _names(text: str) -> set[str]:
    return {principal.name for principal in parse(text).values()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
