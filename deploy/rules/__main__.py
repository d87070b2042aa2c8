"""`python -m deploy.rules`: write every file. With `--check`: only tell which are not as they should be."""

import sys

from deploy.rules.files import FOLDER, files


def main(arguments: list[str]) -> int:
    """Exit code 1 when `--check` finds a file that is out of date."""
    stale = [name for name, text in files().items() if not _is(name, text)]
    if "--check" in arguments:
        for name in stale:
            print(f"{FOLDER / name} is out of date: make rules", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(files()[name])
        print(f"wrote {FOLDER / name}")
    return 0


def _is(name: str, text: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
