"""Parser: declares every command and its options."""

import argparse
import os
from collections.abc import Callable

from holdfast.services.dlq_admin.cli import decisions, edits, queries, selection
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.output import Output

_EPILOG = """exit codes:
  0  done; a dry run is done once it is shown
  1  refused, or a watched replay waits for an operator
  2  usage error, or dlq_admin cannot be reached

HOLDFAST_DLQ_URL and HOLDFAST_DLQ_KEY name the server and the key. A key is
never an argument: others could read it.
Besides: serve (the service itself; the default), ledger (checks that every
accepted write is accounted for), verify-audit (checks that the audit is
unchanged).
"""
_TIMEOUT_S = 60.0


def make() -> argparse.ArgumentParser:
    """Make the parser. The parsed options carry the command: `options.run(client, options)`."""
    parser = argparse.ArgumentParser(
        prog="python -m holdfast.services.dlq_admin",
        description="Dead letters: see what died and why, decide what becomes of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[Client, argparse.Namespace], Output], about: str) -> argparse.ArgumentParser:
        each: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about, allow_abbrev=False)
        each.set_defaults(run=run)
        each.add_argument("--url", default=os.environ.get("HOLDFAST_DLQ_URL") or "http://127.0.0.1:8082")
        each.add_argument("--key-file", help="a file that holds the key, instead of HOLDFAST_DLQ_KEY")
        each.add_argument("--json", action="store_true", help="the answer as dlq_admin gave it, for scripts")
        each.add_argument("--timeout", type=float, default=_TIMEOUT_S, metavar="S", help="longest wait for an answer")
        return each

    _look(add)
    _decide(add)
    _change(add)
    return parser


_Add = Callable[[str, Callable[[Client, argparse.Namespace], Output], str], argparse.ArgumentParser]


def _look(add: _Add) -> None:
    add("overview", queries.overview, "The state of the system at a glance.")
    add("writers", queries.writers, "Which writers run, and which are halted and why.")
    groups = add("groups", queries.groups, "Groups of letters that failed alike, the newest first.")
    groups.add_argument("which", nargs="?", metavar="FINGERPRINT", help="this one, with its note and its builds")
    groups.add_argument("--every", action="store_true", help="groups that are over, too")
    _page(groups)
    letters = add("letters", queries.letters, "Dead letters, the newest first.")
    selection.add(letters)
    _page(letters)
    search = add("search", queries.search, "Dead letters whose payloads hold a text, the newest first.")
    search.add_argument("text", help="part of a value, whatever the case")
    search.add_argument("--field", metavar="NAME", help="only in the field of this name")
    search.add_argument("--reason", metavar="WHY", help="masked values too; recorded in the audit")
    selection.add(search)
    _page(search)
    show = add("show", queries.show, "One dead letter, whole.")
    show.add_argument("which", metavar="ID")
    show.add_argument("--reveal", metavar="WHY", help="unmasked; recorded in the audit")
    replays = add("replays", queries.replays, "Replays, the newest first.")
    replays.add_argument("--state", action="append", metavar="X")
    _page(replays)
    audit = add("audit", queries.audit, "Who did what, why, to how many; the newest first.")
    audit.add_argument("--actor")
    audit.add_argument("--action")
    _page(audit)


def _decide(add: _Add) -> None:
    what_if = add("what-if", decisions.what_if, "What would become of letters if they were sent again now.")
    selection.add(what_if)
    what_if.add_argument("--limit", type=int, default=20, help="letters to be listed one by one; the counts are of all")
    what_if.add_argument("--reveal", metavar="WHY", help="unmasked; recorded in the audit")
    for name, run, about in (
        ("discard", decisions.discard, "Discard dead letters: their writes will not be applied."),
        ("restore", decisions.restore, "Undo a discard."),
    ):
        _counted(add(name, run, about))
    replay = _counted(add("replay", decisions.replay, "Send dead letters again."))
    replay.add_argument("--rate", type=float, help="letters a second")
    replay.add_argument("--canary", type=_steps, metavar="1,5,25", help="letters per canary step; `none`: no canary")
    replay.add_argument("--in-flight", type=int, help="most letters sent and not over")
    replay.add_argument(
        "--failing-share", type=float, metavar="SHARE", help="stops when more than this fails as before"
    )
    replay.add_argument("--backlog-max", type=int, help="stops when more other writes wait")
    replay.add_argument("--backlog-age", type=float, metavar="S", help="stops when a write has waited for longer")
    replay.add_argument("--no-breaker-stop", action="store_true", help="continue although a writer's breaker is open")
    replay.add_argument("--watch", action="store_true", help="until it is over")
    show = add("replay-show", decisions.replay_show, "One replay: where it stands, and what came of it.")
    show.add_argument("which", type=int, metavar="ID")
    show.add_argument("--watch", action="store_true", help="until it is over")
    show.add_argument("--outcome", action="append", metavar="X", help="the letters that ended so; may be given again")
    _page(show)
    add("allowances", decisions.allowances, "How many letters you may still replay, discard or transform alone.")
    allow = add("allow", decisions.allow, "Allow another operator to change more letters.")
    allow.add_argument("actor", metavar="WHO", help="the name of that person's key")
    allow.add_argument("letters", type=int, metavar="N", help="how many more")
    allow.add_argument("--reason", required=True, metavar="WHY", help="recorded in the audit")
    go_on = add("go-on", decisions.go_on, "Resume halted writers: entries that fail then become dead letters.")
    go_on.add_argument("--writer", metavar="NAME", help="this one only")
    _reason(go_on)
    for name, about in {
        "pause": "Send no more for now.",
        "resume": "Resume, also after a stop condition.",
        "cancel": "Send no more; letters that were not sent are dead as before.",
        "recall": "Cancel, and take back entries that no writer has yet.",
        "approve": "Approve a large replay, as a second person.",
    }.items():
        order = add(name, decisions.order, about)
        order.add_argument("which", type=int, metavar="REPLAY")
        _reason(order)


def _change(add: _Add) -> None:
    edit = add("edit", edits.edit, "Change what will be sent of one dead letter; the original stays.")
    edit.add_argument("which", metavar="ID")
    edit.add_argument("--payload", metavar="JSON", help="a new one; @FILE, @- for standard input")
    edit.add_argument("--patch", metavar="JSON", help="a JSON Patch, as of /payload/amount; @FILE, @-")
    edit.add_argument("--set", action="append", metavar="FIELD=VALUE", help="a field of the entry, not of its payload")
    edit.add_argument("--unset", action="append", metavar="FIELD", help="the same; both may be given again")
    _reason(edit)
    revert = add("revert", edits.revert, "Go back to an earlier edit, or to the original.")
    revert.add_argument("which", metavar="ID")
    revert.add_argument("--to", type=int, default=0, help="the edit; 0: the original")
    _reason(revert)
    transform = _counted(add("transform", edits.transform, "Change many dead letters by one JSON Patch."))
    transform.add_argument("--patch", required=True, metavar="JSON", help="of each letter's document; @FILE, @-")
    back = add("transform-revert", edits.transform_revert, "Undo a transform.")
    back.add_argument("which", type=int, metavar="TRANSFORM")
    _count(back)
    note = add("note", edits.note, "Write a note on a group, kept when its letters are gone. Empty: remove it.")
    note.add_argument("which", metavar="FINGERPRINT")
    note.add_argument("text")
    export = add("export", edits.export, "Export dead letters as NDJSON, unmasked; recorded in the audit.")
    selection.add(export)
    export.add_argument("--out", required=True, metavar="FILE", help="`-`: standard output")
    export.add_argument("--reason", required=True, metavar="WHY", help="recorded in the audit")
    bring = add("import", edits.bring, "Import exported dead letters.")
    bring.add_argument("file", help="`-`: standard input")
    _count(bring)


def _page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--cursor", help="where the page before ended")


def _counted(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    selection.add(parser)
    _count(parser)
    return parser


def _count(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--count", type=int, metavar="N", help="how many letters it must be; without it nothing is done"
    )
    parser.add_argument("--reason", metavar="WHY", help="recorded in the audit")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="WHY", help="recorded in the audit")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")


def _steps(text: str) -> list[int]:
    try:
        return [] if text == "none" else [int(step) for step in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers with commas between them, or `none`") from None
