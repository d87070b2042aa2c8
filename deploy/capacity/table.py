"""The sizing as text that fits 80 columns. Pure."""

from collections.abc import Sequence

from deploy.capacity.model import Load, Need, first_full

WIDTH = 80
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def amount(need: Need) -> str:
    """Format an amount with a unit for a person."""
    if need.unit.startswith("bytes"):
        value, step = need.amount, 0
        while value >= 1000 and step < len(_PREFIXES) - 1:
            value, step = value / 1000, step + 1
        return f"{value:,.3g} {_PREFIXES[step]}B{need.unit.removeprefix('bytes')}"
    if need.unit == "busy":
        return f"{need.amount:.0%} busy"
    if (need.amount, need.unit) == (1, "processes"):
        return "1 process"
    return f"{need.amount:,.0f} {need.unit}" if need.amount >= 10 else f"{need.amount:.2g} {need.unit}"


def table(load: Load, found: Sequence[Need]) -> str:
    """Return one line per part, and what is full first."""
    head = (
        f"{load.rate:,.6g} writes/s, {load.reads:,.6g} reads/s; operations kept {load.retention:g} days,\n"
        f"{load.keyed:.0%} of writes have a key, an outage of {load.outage_hours:g} h"
    )
    lines = [f"{need.part:<18} {amount(need):>20}  {need.moved_by}" for need in found]
    full = first_full(found)
    last = f"Full first: {full.part}, at {full.at_most:,.4g} writes/s.\nMoved by: {full.moved_by}."
    if load.rate > full.at_most:
        last += f"\nNOT ENOUGH: {load.rate:,.6g} writes/s are more than that."
    return "\n".join([head, "", *lines, "", last])
