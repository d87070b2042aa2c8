"""`python -m deploy.release VERSION [--checked]`. With `--checked`, `make check` is not run again."""

import re
import subprocess
import sys
from pathlib import Path

from deploy.local.output import Problem, echo
from deploy.release.release import release
from deploy.release.trial import trial

_ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Release, and return the exit code: 1 if something is not ready for a release, and nothing was changed; 2 for
    wrong arguments."""
    version = arguments[0] if arguments else ""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version) or arguments[1:] not in ([], ["--checked"]):
        echo(f"{__doc__}\nVERSION is three numbers, such as 1.2.0")
        return 2
    try:
        release(_ROOT, version, check=_check if arguments[1:] == [] else _checked, try_out=trial)
    except Problem as problem:
        echo(f"No release: {problem}")
        return 1
    return 0


def _check(root: Path) -> None:
    if subprocess.run(["make", "check"], cwd=root, check=False).returncode:
        raise Problem("`make check` failed")


def _checked(root: Path) -> None:
    echo("`make check` is skipped, as asked")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
