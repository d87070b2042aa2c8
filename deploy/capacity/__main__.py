"""`python -m deploy.capacity rate=1000 retention=30 [reads= keyed= outage_hours= growth= disk_fsyncs=
database_cores= costs=FILE]`: the sizing for a load, from costs that were measured. Exit code 2: it makes no sense."""

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from deploy.capacity.costs import MEASURED, Costs
from deploy.capacity.model import Load, needs
from deploy.capacity.table import table

#: Reads per write, unless given.
_READS_EACH = 4
_NAMES = [field.name for field in fields(Load)]


def main(arguments: Sequence[str]) -> int:
    """Print the table, or what is wrong with the question, and return the exit code."""
    try:
        load, costs = _asked(arguments)
        sys.stdout.write(table(load, needs(load, costs)) + "\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"capacity: {error}\n")
        return 2
    return 0


def _asked(arguments: Sequence[str]) -> tuple[Load, Costs]:
    """Return the load that the arguments describe. Raises ValueError and OSError."""
    given = dict(each.partition("=")[::2] for each in arguments if not each.endswith("="))
    costs = Costs.read(Path(given.pop("costs", str(MEASURED))))
    if unknown := given.keys() - set(_NAMES):
        raise ValueError(f"{', '.join(sorted(unknown))}: not one of {', '.join([*_NAMES, 'costs'])}")
    values = {name: _number(name, text) for name, text in given.items()}
    if missing := [name for name in ("rate", "retention") if name not in values]:
        raise ValueError(f"{missing[0].upper()}= is missing: make capacity RATE=1000 RETENTION=30")
    return Load(**{"reads": values["rate"] * _READS_EACH, **values}), costs


def _number(name: str, text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        raise ValueError(f"{name.upper()} is a number, not {text!r}") from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
