"""Edits: commands that change what a letter sends (edits, transforms), notes, export and import."""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast.services.dlq_admin.cli import selection
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.decisions import bulk, counted, done, why
from holdfast.services.dlq_admin.cli.output import Output
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.cli.table import counts, facts, plain, table


def edit(client: Client, options: argparse.Namespace) -> Output:
    """Change what will be sent of one letter."""
    fields = {name: _json_or_text(value) for name, value in selection.named(options.set or []).items()}
    fields |= dict.fromkeys(options.unset or [])
    ways = {
        "payload": options.payload and _json(options.payload),
        "patch": options.patch and _json(options.patch),
        "fields": fields,
    }
    given = {name: value for name, value in ways.items() if value}
    if len(given) != 1:
        raise Usage("One of these is required: --payload, --patch, --set and --unset.")
    wish = given | {"reason": options.reason, "dry_run": options.dry_run}
    return _edited(client, f"/dlq/letters/{quote(options.which, safe='')}/edits", wish)


def revert(client: Client, options: argparse.Namespace) -> Output:
    """Go back to an earlier edit, or to the original."""
    wish = {"to": options.to, "reason": options.reason, "dry_run": options.dry_run}
    return _edited(client, f"/dlq/letters/{quote(options.which, safe='')}/revert", wish)


def _edited(client: Client, path: str, wish: dict[str, Any]) -> Output:
    answer = client.send(path, wish)
    data = answer.data
    rows = [(each["name"], "(masked)" if each.get("masked") else each.get("value")) for each in data["fields"]]
    verdict = data["what_if"]
    lines = [
        *table(("field", "will be sent as"), rows),
        "",
        plain(f"Sent now, it would be: {verdict['verdict']} {verdict['why']}".rstrip()),
    ]
    if data.get("changed") is False:
        lines.append("The letter is already like this: no edit was made.")
    return Output(answer, [*lines, *(["Nothing was done."] if wish["dry_run"] else [])])


def transform(client: Client, options: argparse.Namespace) -> Output:
    """Apply a JSON Patch to a selection."""
    answer = bulk(client, "/dlq/transforms", options, {"patch": _json(options.patch)})
    data = answer.data
    about = {
        "letters": data["count"],
        "edited": data["edited"],
        "unchanged": data["unchanged"],
        "refused": counts(data["refused"]),
    }
    about |= {"would then be": counts(data["verdicts"])} if "verdicts" in data else {}
    about |= {"transform": data["transform_id"]} if "transform_id" in data else {}
    rows = [(one["id"], _text(one["before"]), _text(one["after"])) for one in data["sample"]]
    return done(answer, [*facts(about), "", *table(("id", "before", "after"), rows)], options, data["count"])


def transform_revert(client: Client, options: argparse.Namespace) -> Output:
    """Undo a transform."""
    wish = {"reason": why(options)} | counted(options)
    answer = client.send(f"/dlq/transforms/{options.which}/revert", wish)
    data = answer.data
    return done(answer, facts({"letters": data["count"], "left as they are": data["left"]}), options, data["count"])


def note(client: Client, options: argparse.Namespace) -> Output:
    """Write or remove the note on a group."""
    answer = client.send(f"/dlq/groups/{quote(options.which, safe='')}/note", {"text": options.text}, "PUT")
    return Output(answer, ["The note was saved." if options.text else "The note was removed."])


def export(client: Client, options: argparse.Namespace) -> Output:
    """Write letters as NDJSON, complete and unmasked, to a file that only its owner can read, or to standard output."""
    parts = client.parts("/dlq/export", {**selection.as_filter(options), "why": options.reason})
    if options.out == "-":
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return Output(None, [])
    unfinished = Path(f"{options.out}.part")
    lines = 0
    unfinished.unlink(missing_ok=True)  # whoever made it could read what is written to it
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for part in parts:
            file.write(part)
            lines += part.count(b"\n")
    unfinished.replace(options.out)
    return Output(None, [f"{lines} letters in {plain(options.out)}"])


def bring(client: Client, options: argparse.Namespace) -> Output:
    """Import letters from a file. Letters that are already here stay unchanged."""
    lines = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    asked = {name: "true" if value is True else value for name, value in counted(options).items()}
    answer = client.upload("/dlq/import", {"why": why(options), **asked}, lines)
    data = answer.data
    return done(answer, facts({"new": data["new"], "here already": data["known"]}), options, data["new"])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json(text: str) -> Any:
    """Parse JSON from the text, or from the file that `@` names. Raises Usage."""
    try:
        if text.startswith("@"):
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text()
        return _finite(text)
    except ValueError as error:
        raise Usage(f"That is not JSON: {error}") from None


def _json_or_text(value: str) -> Any:
    try:
        return _finite(value)
    except ValueError:
        return value


def _finite(text: str) -> Any:
    """Parse JSON strictly. Raises ValueError for `Infinity` and for numbers that would become infinite, and Usage for
    an object that has a name twice, because only one of the values would be sent."""
    return json.loads(text, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Usage("An object has a name twice.")
    return found


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> float:
    raise ValueError(f"{text[:40]} is no number in JSON")
