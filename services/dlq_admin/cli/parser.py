"""Parser: declares every command and its options."""

import argparse
import os
from collections.abc import Callable

from holdfast.services.dlq_admin.cli import decisions, edits, queries, selection
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.output import Output

_EPILOG = """exit codes:
  0  done, or a dry run was shown
  1  refused, or a watched replay waits for an operator
  2  usage error, dlq_admin cannot be reached, or output cannot be written

The environment variables HOLDFAST_DLQ_URL and HOLDFAST_DLQ_KEY give the
server and the key. A key is never an argument, because other users of the
machine could read it.
Further commands: serve (run the service itself; the default), ledger (check
that every accepted write is accounted for), verify-audit (check that the
audit is unchanged), partitions N (change the number of the queue's
partitions).
"""
_TIMEOUT_S = 60.0


def make() -> argparse.ArgumentParser:
    """Make the parser. The parsed options carry the command: `options.run(client, options)`."""
    parser = argparse.ArgumentParser(
        prog="python -m holdfast.services.dlq_admin",
        description="Dead letters: see which writes died and why, and decide what becomes of them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[Client, argparse.Namespace], Output], about: str) -> argparse.ArgumentParser:
        each: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        each.set_defaults(run=run)
        each.add_argument("--url", default=os.environ.get("HOLDFAST_DLQ_URL") or "http://127.0.0.1:8082")
        each.add_argument("--key-file", help="file that holds the key; used instead of HOLDFAST_DLQ_KEY")
        each.add_argument("--json", action="store_true", help="print dlq_admin's answer as JSON, for scripts")
        each.add_argument(
            "--timeout", type=float, default=_TIMEOUT_S, metavar="S", help="longest wait for an answer, in seconds"
        )
        return each

    _look(add)
    _decide(add)
    _change(add)
    return parser


_Add = Callable[[str, Callable[[Client, argparse.Namespace], Output], str], argparse.ArgumentParser]


def _look(add: _Add) -> None:
    add("overview", queries.overview, "Show the state of the system at a glance.")
    add("writers", queries.writers, "List the running writers; for halted ones, why they are halted.")
    groups = add("groups", queries.groups, "List groups of letters that failed alike, the newest first.")
    groups.add_argument(
        "which", nargs="?", metavar="FINGERPRINT", help="show only this group, with its note and its builds"
    )
    groups.add_argument("--every", action="store_true", help="also list groups whose letters have all ended")
    _page(groups)
    letters = add("letters", queries.letters, "List dead letters, the newest first.")
    selection.add(letters)
    _page(letters)
    search = add("search", queries.search, "Search for dead letters whose payloads hold a text, the newest first.")
    search.add_argument("text", help="part of a value to search for; case is ignored")
    search.add_argument("--field", metavar="NAME", help="search only fields of this name")
    search.add_argument(
        "--reason", metavar="WHY", help="also search masked values, for this reason, which is recorded in the audit"
    )
    selection.add(search)
    _page(search)
    show = add("show", queries.show, "Show one complete dead letter.")
    show.add_argument("which", metavar="ID")
    show.add_argument(
        "--reveal", metavar="WHY", help="show values unmasked, for this reason, which is recorded in the audit"
    )
    replays = add("replays", queries.replays, "List replays, the newest first.")
    replays.add_argument("--state", action="append", metavar="X")
    _page(replays)
    audit = add("audit", queries.audit, "List the audit, the newest first: who did what, why, to how many letters.")
    audit.add_argument("--actor")
    audit.add_argument("--action")
    _page(audit)


def _decide(add: _Add) -> None:
    what_if = add("what-if", decisions.what_if, "Show what would become of letters if they were sent again now.")
    selection.add(what_if)
    what_if.add_argument(
        "--limit", type=int, default=20, help="most letters to list one by one; the counts cover all letters"
    )
    what_if.add_argument(
        "--reveal", metavar="WHY", help="show values unmasked, for this reason, which is recorded in the audit"
    )
    for name, run, about in (
        ("discard", decisions.discard, "Discard dead letters: their writes will not be applied."),
        ("restore", decisions.restore, "Undo a discard."),
    ):
        _counted(add(name, run, about))
    replay = _counted(add("replay", decisions.replay, "Send dead letters again."))
    replay.add_argument("--rate", type=float, help="letters to send per second")
    replay.add_argument(
        "--canary", type=_steps, metavar="1,5,25", help="letters per canary step; `none`: send without a canary"
    )
    replay.add_argument("--in-flight", type=int, help="most letters in flight: sent, but not ended yet")
    replay.add_argument(
        "--failing-share",
        type=float,
        metavar="SHARE",
        help="stop if a larger share of the results failed in the same way again",
    )
    replay.add_argument("--backlog-max", type=int, help="stop if more other writes wait for a writer")
    replay.add_argument(
        "--backlog-age", type=float, metavar="S", help="stop if the oldest waiting write is older, in seconds"
    )
    replay.add_argument(
        "--no-breaker-stop", action="store_true", help="do not stop if a writer's breaker of the database is open"
    )
    replay.add_argument(
        "--watch", action="store_true", help="show the progress until the replay ends or needs an operator"
    )
    show = add("replay-show", decisions.replay_show, "Show one replay: its state and its results.")
    show.add_argument("which", type=int, metavar="ID")
    show.add_argument(
        "--watch", action="store_true", help="show the progress until the replay ends or needs an operator"
    )
    show.add_argument(
        "--outcome", action="append", metavar="X", help="list the letters with this outcome; may be repeated"
    )
    _page(show)
    add("allowances", decisions.allowances, "Show how many letters you may still replay, discard or transform alone.")
    allow = add("allow", decisions.allow, "Allow another operator to change more letters.")
    allow.add_argument("actor", metavar="WHO", help="name of the operator's key")
    allow.add_argument("letters", type=int, metavar="N", help="number of further letters")
    allow.add_argument("--reason", required=True, metavar="WHY", help="reason, which is recorded in the audit")
    go_on = add("go-on", decisions.go_on, "Resume halted writers: entries that fail then become dead letters.")
    go_on.add_argument("--writer", metavar="NAME", help="resume only this writer; default: all")
    _reason(go_on)
    for name, about in {
        "pause": "Pause a replay: it sends no more for now.",
        "resume": "Resume a replay, including one that stopped by itself.",
        "cancel": "Cancel a replay: it sends no more, and letters that were not sent stay dead.",
        "recall": "Cancel a replay, and take back the entries that no writer has received.",
        "approve": "Approve a large replay, as a second person.",
    }.items():
        order = add(name, decisions.order, about)
        order.add_argument("which", type=int, metavar="REPLAY")
        _reason(order)


def _change(add: _Add) -> None:
    edit = add("edit", edits.edit, "Edit one dead letter: change the fields that a replay sends. The original is kept.")
    edit.add_argument("which", metavar="ID")
    edit.add_argument(
        "--payload", metavar="JSON", help="new payload; @FILE reads it from a file, @- from standard input"
    )
    edit.add_argument("--patch", metavar="JSON", help="JSON Patch of paths such as /payload/amount; or @FILE, @-")
    edit.add_argument(
        "--set",
        action="append",
        metavar="FIELD=VALUE",
        help="set a field of the entry (not of its payload); may be repeated",
    )
    edit.add_argument("--unset", action="append", metavar="FIELD", help="remove a field of the entry; may be repeated")
    _reason(edit)
    revert = add("revert", edits.revert, "Return a dead letter to an earlier edit, or to the original.")
    revert.add_argument("which", metavar="ID")
    revert.add_argument("--to", type=int, default=0, help="number of the edit; 0: the original")
    _reason(revert)
    transform = _counted(add("transform", edits.transform, "Change many dead letters by one JSON Patch."))
    transform.add_argument(
        "--patch", required=True, metavar="JSON", help="JSON Patch of each letter's document; or @FILE, @-"
    )
    back = add("transform-revert", edits.transform_revert, "Undo a transform.")
    back.add_argument("which", type=int, metavar="TRANSFORM")
    _count(back)
    note = add(
        "note",
        edits.note,
        "Write a note on a group, which is kept when its letters are gone. An empty text removes the note.",
    )
    note.add_argument("which", metavar="FINGERPRINT")
    note.add_argument("text")
    export = add("export", edits.export, "Export dead letters as NDJSON, unmasked; recorded in the audit.")
    selection.add(export)
    export.add_argument("--out", required=True, metavar="FILE", help="file to write; `-`: standard output")
    export.add_argument("--reason", required=True, metavar="WHY", help="reason, which is recorded in the audit")
    bring = add("import", edits.bring, "Import exported dead letters.")
    bring.add_argument("file", help="file to read; `-`: standard input")
    _count(bring)


def _page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--cursor", help="the previous page's cursor: list what follows it")


def _counted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    selection.add(parser)
    _count(parser)
    return parser


def _count(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--count",
        type=int,
        metavar="N",
        help="expected number of letters; without it, the command only shows what it would do",
    )
    parser.add_argument("--reason", metavar="WHY", help="reason, which is recorded in the audit")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="WHY", help="reason, which is recorded in the audit")
    parser.add_argument("--dry-run", action="store_true", help="only show what the command would do")


def _steps(text: str) -> list[int]:
    try:
        return [] if text == "none" else [int(step) for step in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a list of numbers with commas between them nor `none`"
        ) from None
