"""`python -m deploy.dashboards.verify HOST:PORT [--minutes N]`: which panels have data in this Prometheus, of what
happened in the last N minutes. Exit code 0: all; 1: not all."""

import argparse
import sys
import time

from deploy.dashboards.verify.census import summary, take
from deploy.dashboards.verify.prometheus import Prometheus, Span
from deploy.dashboards.write import files


def main(arguments: list[str]) -> int:
    """Print the census, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dashboards.verify", description=__doc__)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--minutes", type=float, default=15)
    options = parser.parse_args(arguments)
    now_s = time.time()
    complete, text = summary(take(files(), Prometheus(options.address), Span(now_s - options.minutes * 60, now_s)))
    print(text)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
