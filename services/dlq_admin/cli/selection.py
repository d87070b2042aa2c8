"""Selection: the options that choose the letters of a command, the same for every command."""

import argparse
from collections.abc import Mapping
from typing import Any


class Usage(Exception):
    """The command line is invalid. The text says why."""


_HELP = "one of --id, --fingerprint, --filter, --replay, --audit"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group("which letters", _HELP)
    group.add_argument("--id", action="append", metavar="ID", help="id of a letter; may be repeated")
    group.add_argument("--fingerprint", metavar="F", help="fingerprint of a group: all its letters")
    group.add_argument(
        "--filter",
        action="append",
        metavar="NAME=VALUE",
        help="letters that match; if repeated, they must match all filters. Names: state, fingerprint, reason,"
        " code, command, build, resource, entity_id, operation_id, text, from, to",
    )
    group.add_argument(
        "--replay", type=int, metavar="N", help="number of a replay: its letters that have one of the --outcome values"
    )
    group.add_argument("--audit", type=int, metavar="N", help="number of an audit entry: the letters that it concerns")
    group.add_argument("--outcome", action="append", metavar="X", help="outcome of a replay's letters; may be repeated")


def meant(options: argparse.Namespace) -> dict[str, Any]:
    """Return the selection in REST's format. Raises Usage."""
    if options.outcome and options.replay is None:
        raise Usage("--outcome goes with --replay")
    if options.replay is not None and not options.outcome:
        raise Usage("--replay needs --outcome, for example failed_same")
    ways = {
        "ids": options.id,
        "fingerprint": options.fingerprint,
        "filter": named(options.filter) if options.filter else None,
        "audit": options.audit,
        "replay": {"id": options.replay, "outcomes": options.outcome} if options.replay is not None else None,
    }
    given = {name: value for name, value in ways.items() if value is not None}
    if len(given) != 1:
        raise Usage(f"Which letters? Give exactly {_HELP}.")
    return given


def as_filter(options: argparse.Namespace) -> Mapping[str, str]:
    """Return the selection as a filter, for routes that accept nothing else. An empty filter matches all letters.
    Raises Usage."""
    if options.id or options.replay is not None or options.audit is not None or options.outcome:
        raise Usage("Here only --fingerprint and --filter can be used.")
    values = named(options.filter or [])
    return values | ({"fingerprint": options.fingerprint} if options.fingerprint else {})


def named(pairs: list[str]) -> dict[str, str]:
    """Parse `name=value` pairs, each name once. Raises Usage."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, is_, value = pair.partition("=")
        if not is_ or not name:
            raise Usage(f"{pair} is not NAME=VALUE")
        if name in values:
            raise Usage(f"{name} is given twice")
        values[name] = value
    return values
