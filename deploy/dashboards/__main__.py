"""`python -m deploy.dashboards`: write Grafana's dashboards. With `--check`: only list those that are out of date."""

import sys

from deploy.dashboards.write import stale, write


def main(arguments: list[str]) -> int:
    """Write or check the dashboards, and return the exit code: 1 if `--check` finds something."""
    if "--check" not in arguments:
        print("\n".join(write()) or "All dashboards are as their code.")
        return 0
    found = stale()
    for sentence in found:
        print(f"{sentence}: make dashboards", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
