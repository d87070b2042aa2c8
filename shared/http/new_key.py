"""`python -m shared.http.new_key NAME read,write`: a new API key, and its line for the keys file."""

import sys

from shared.http.keys import new_key

_USAGE = "python -m shared.http.new_key NAME SCOPES   (scopes: read, write, view, operate, admin; joined by commas)"


def main(arguments: list[str]) -> int:
    """The key is shown once and kept nowhere."""
    if len(arguments) != 2:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        key, line = new_key(*arguments)
    except ValueError as error:
        print(f"{error}\n{_USAGE}", file=sys.stderr)
        return 2
    print(f"The key, which is shown only now:\n  {key}\nIts line for HOLDFAST_KEYS_FILE:\n  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
