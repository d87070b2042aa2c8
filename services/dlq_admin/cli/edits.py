"""Change: commands for what a letter says: edits, transforms, notes; and letters out and in."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast.services.dlq_admin.cli import selection
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.decisions import bulk, counted, done, why
from holdfast.services.dlq_admin.cli.output import Told
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.cli.table import counts, facts, plain, table


def edit(client: Client, options: argparse.Namespace) -> Told:
    """What will be sent of one letter."""
    fields = {name: _json_or_text(value) for name, value in selection.named(options.set or []).items()}
    fields |= dict.fromkeys(options.unset or [])
    ways = {
        "payload": options.payload and _json(options.payload),
        "patch": options.patch and _json(options.patch),
        "fields": fields,
    }
    given = {name: value for name, value in ways.items() if value}
    if len(given) != 1:
        raise Usage("What is to be changed? One of --payload, --patch, --set and --unset.")
    wish = given | {"reason": options.reason, "dry_run": options.dry_run}
    return _edited(client, f"/dlq/letters/{quote(options.which, safe='')}/edits", wish)


def revert(client: Client, options: argparse.Namespace) -> Told:
    """Back to an earlier edit, or to the original."""
    wish = {"to": options.to, "reason": options.reason, "dry_run": options.dry_run}
    return _edited(client, f"/dlq/letters/{quote(options.which, safe='')}/revert", wish)


def _edited(client: Client, path: str, wish: dict[str, Any]) -> Told:
    answer = client.send(path, wish)
    told = answer.data
    rows = [(each["name"], "(masked)" if each.get("masked") else each.get("value")) for each in told["fields"]]
    verdict = told["what_if"]
    lines = [
        *table(("field", "will be sent as"), rows),
        "",
        plain(f"Sent now, it would be: {verdict['verdict']} {verdict['why']}".rstrip()),
    ]
    if told.get("changed") is False:
        lines.append("It says this already: no edit was made.")
    return Told(answer, [*lines, *(["Nothing was done."] if wish["dry_run"] else [])])


def transform(client: Client, options: argparse.Namespace) -> Told:
    """A JSON Patch of a selection."""
    answer = bulk(client, "/dlq/transforms", options, {"patch": _json(options.patch)})
    told = answer.data
    about = {
        "letters": told["count"],
        "edited": told["edited"],
        "unchanged": told["unchanged"],
        "refused": counts(told["refused"]),
    }
    about |= {"would then be": counts(told["verdicts"])} if "verdicts" in told else {}
    about |= {"transform": told["transform_id"]} if "transform_id" in told else {}
    rows = [(one["id"], _text(one["before"]), _text(one["after"])) for one in told["sample"]]
    return done(answer, [*facts(about), "", *table(("id", "before", "after"), rows)], options, told["count"])


def transform_revert(client: Client, options: argparse.Namespace) -> Told:
    """Take a transform back."""
    wish = {"reason": why(options)} | counted(options)
    answer = client.send(f"/dlq/transforms/{options.which}/revert", wish)
    told = answer.data
    return done(answer, facts({"letters": told["count"], "left as they are": told["left"]}), options, told["count"])


def note(client: Client, options: argparse.Namespace) -> Told:
    """A word on a group."""
    answer = client.send(f"/dlq/groups/{quote(options.which, safe='')}/note", {"text": options.text}, "PUT")
    return Told(answer, ["Noted." if options.text else "The note is gone."])


def export(client: Client, options: argparse.Namespace) -> Told:
    """NDJSON, whole and in clear, to a file of its owner's only, or to standard output."""
    parts = client.parts("/dlq/export", {**selection.as_filter(options), "why": options.reason})
    if options.out == "-":
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return Told(None, [])
    unfinished = Path(f"{options.out}.part")
    lines = 0
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for part in parts:
            file.write(part)
            lines += part.count(b"\n")
    unfinished.replace(options.out)
    return Told(None, [f"{lines} letters in {plain(options.out)}"])


def bring(client: Client, options: argparse.Namespace) -> Told:
    """Letters of a file; what is here already stays as it is."""
    lines = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    asked = {name: "true" if value is True else value for name, value in counted(options).items()}
    answer = client.upload("/dlq/import", {"why": why(options), **asked}, lines)
    told = answer.data
    return done(answer, facts({"new": told["new"], "here already": told["known"]}), options, told["new"])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json(text: str) -> Any:
    """Of the text, or of the file that `@` names. Raises Usage."""
    try:
        if text.startswith("@"):
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text()
        return json.loads(text)
    except ValueError as error:
        raise Usage(f"That is not JSON: {error}") from None


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
