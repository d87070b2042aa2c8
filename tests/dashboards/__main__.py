"""`python -m tests.dashboards`: runs everything, with every kind of fault, and checks what each panel shows. The exit
code is 0 if each panel shows data, else 1."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from deploy.dashboards.verify.census import summary
from tests.dashboards.stage import missing
from tests.dashboards.story import play

_CALM_S = 60.0


def main(arguments: list[str]) -> int:
    """Run the story, and print its progress and the census."""
    parser = argparse.ArgumentParser(prog="python -m tests.dashboards", description=__doc__)
    parser.add_argument("--calm-s", type=float, default=_CALM_S, help="how long all is well, before and after")
    calm_s = parser.parse_args(arguments).calm_s
    if without := missing():
        sys.stderr.write(f"missing: {', '.join(without)}: make setup\n")
        return 1
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory(prefix="holdfast-dashboards-") as folder:
        complete, text = summary(play(Path(folder), lambda what: _say(f"... {what}"), calm_s=calm_s))
    _say(text)
    return 0 if complete else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
