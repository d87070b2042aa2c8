"""Queries: commands that change nothing."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from holdfast.services.dlq_admin.away import silent
from holdfast.services.dlq_admin.cli import selection
from holdfast.services.dlq_admin.cli.client import Client
from holdfast.services.dlq_admin.cli.output import Output, paged
from holdfast.services.dlq_admin.cli.table import Columns, counts, described, facts, listed, plain, table
from holdfast.shared.writes.ledger import balance

_GROUP: Columns = {
    "fingerprint": "fingerprint",
    "reason": "reason",
    "code": "code",
    "command": "command",
    "error": "error",
    "frame": "frame",
    "letters": lambda one: counts(one["counts"]),
    "first seen": "first_seen",
    "last seen": "last_seen",
    "newest": "last_id",
    "entities": "affected_entities",
    "failed on": lambda one: ", ".join(f"{each['build']} ({each['letters']})" for each in one["failed_builds"]),
    "fixed?": lambda one: one["fix"]["says"],
    "note": lambda one: f"{one['note']['text']} ({one['note']['author']})" if one["note"] else None,
}
_GROUPS: Columns = {
    "fingerprint": "fingerprint",
    "letters": lambda one: counts(one["counts"]),
    "reason": "reason",
    "code": "code",
    "command": "command",
    "last seen": "last_seen",
    "entities": "affected_entities",
    "changed since": lambda one: one["fix"]["changed"],
    "error": "error",
}
_LETTERS: Columns = {
    "id": "id",
    "state": "state",
    "reason": "reason",
    "code": "code",
    "command": "command",
    "entity": "entity_id",
    "fingerprint": "fingerprint",
    "edit": lambda one: one["edit"] or "-",
    "error": "error",
}
_LETTER: Columns = {
    "id": "id",
    "state": "state",
    "reason": "reason",
    "kind": "kind",
    "code": "code",
    "error": "error",
    "command": "command",
    "entity": lambda one: " ".join(filter(None, (one["resource"], one["entity_id"]))),
    "operation": "operation_id",
    "accepted": "accepted_at",
    "dead": "dead_at",
    "writer": lambda one: f"{one['writer']} ({one['build']})",
    "attempts": lambda one: one["attempts"] if isinstance(one["attempts"], int) else len(one["attempts_made"]),
    "payload": lambda one: json.dumps(one["payload"], ensure_ascii=False),
    "cannot be read": "undecodable",
    "the entity's row now": lambda one: json.dumps(one["entity"], ensure_ascii=False) if one["entity"] else None,
    "fixed?": lambda one: one["fix"]["says"],
}
_REPLAYS: Columns = {
    "id": "id",
    "state": "state",
    "letters": "letters",
    "outcome": lambda one: counts(one["counts"]),
    "by": "created_by",
    "created": "created_at",
    "reason": "reason",
}
_AUDIT: Columns = {
    "id": "id",
    "at": "at",
    "who": "actor",
    "what": "action",
    "letters": "letters",
    "why": "reason",
    "request": "request_id",
}


def overview(client: Client, _: argparse.Namespace) -> Output:
    """Show the state of the whole system."""
    answer = client.get("/dlq/overview")
    data = answer.data
    ledger, backlog, away = data["ledger"], data["backlog"], data["partitions_away"]
    breakers = [
        f"{one['service']}/{one['instance']} {one['name']}: {one['state']}"
        for one in data["breakers"] or []
        if one["state"] != "closed"
    ]
    lines = facts(
        {
            "dead letters": _letters(data["letters"]) if data["letters"] is not None else "not known",
            "not indexed yet": data["waiting"],
            "backlog": _backlog(backlog) if backlog else "not known",
            "queue": "answers" if not away else silent(away) if backlog else "does not answer",
            "ledger": _balance(ledger) if ledger else _unread(data.get("ledger_unread")),
            "breakers": ("; ".join(breakers) or "all closed") if data["breakers"] is not None else "not known",
            "writers": _names(data["writers"]) if data["writers"] is not None else "not known",
            "retention": "; ".join(
                f"{name}: {f'''{rule['keep_days']} days''' if rule['keep_days'] else 'no limit'}"
                + (f", {rule['due_in_24_h']} go within a day" if rule["due_in_24_h"] else "")
                for name, rule in data["retention"].items()
            ),
        }
    )
    return Output(answer, [*([plain(data["banner"]), ""] if data["banner"] else []), *lines])


def _letters(letters: dict[str, int]) -> str:
    kinds = letters["dying_groups"]
    words = counts({name: count for name, count in letters.items() if name != "dying_groups"})
    return f"{words}; dead ones in {kinds} group{'s' if kinds > 1 else ''}" if kinds else words


def _backlog(backlog: dict[str, Any]) -> str:
    oldest = f", the oldest {backlog['oldest_age_s']} s" if backlog["depth"] else ""
    return f"{backlog['depth']} writes{oldest}"


def _names(writers: list[dict[str, Any]]) -> str:
    named = (
        f"{one['name']} ({one['build'] or 'build unknown'}{', HALTED' if one['halted'] else ''})" for one in writers
    )
    return ", ".join(named) or "none reported lately"


def _unread(why: str | None) -> str:
    return f"not read: {plain(why)}" if why else "not known"


def _balance(ledger: dict[str, Any]) -> str:
    words = balance(ledger["missing"], ledger["accepted"])
    lost = f", {ledger['lost']:,} lost" if ledger["lost"] else ""
    return (f"OUT OF BALANCE: {words}, of {ledger['accepted']:,} accepted" if ledger["missing"] else words) + lost


def writers(client: Client, _: argparse.Namespace) -> Output:
    """List the writers, with the reason for each one that is halted."""
    answer = client.get("/dlq/writers")
    rows = [(one["name"], one["build"], *_halt(one["halted"])) for one in answer.data]
    return Output(answer, table(("writer", "build", "state", "would be dead", "next try", "why"), rows))


def _halt(halted: dict[str, Any] | None) -> tuple[str, object, str, str]:
    if halted is None:
        return "works", "-", "-", "-"
    return (
        f"halted for {halted['for_s']:.0f} s",
        halted["would_be_dead"],
        f"in {halted['next_try_in_s']:.0f} s",
        halted["why"],
    )


def groups(client: Client, options: argparse.Namespace) -> Output:
    """List the groups of letters that failed alike; with a fingerprint, show that group."""
    if options.which:
        answer = client.get(f"/dlq/groups/{quote(options.which, safe='')}")
        return Output(answer, described(_GROUP, answer.data))
    answer = client.get(
        "/dlq/groups", {"every": "true" if options.every else None, "limit": options.limit, "cursor": options.cursor}
    )
    return paged(answer, listed(_GROUPS, answer.data))


def letters(client: Client, options: argparse.Namespace) -> Output:
    """List dead letters, newest first."""
    wanted = selection.as_filter(options)
    answer = client.get("/dlq/letters", {**wanted, "limit": options.limit, "cursor": options.cursor})
    found = answer.data["letters"] if answer.banner is not None else answer.data
    return paged(answer, listed(_LETTERS, found))


def search(client: Client, options: argparse.Namespace) -> Output:
    """Search letters by the contents of their payloads. With a reason, masked values are searched too."""
    wanted = {
        "text": options.text,
        "field": options.field,
        "filter": dict(selection.as_filter(options)),
        "reason": options.reason,
        "limit": options.limit,
        "cursor": options.cursor,
    }
    answer = client.send("/dlq/search", wanted)
    data = answer.data
    lines = listed(_LETTERS, data["letters"])
    searched = f"{len(data['letters'])} of the {data['looked_through']} letters searched"
    if data["masked"]:
        searched += ", in fields shown to everybody; --reason searches all"
    else:
        searched += f": audit entry {data['audit_id']}, for --audit {data['audit_id']}"
    more = [f"older ones: --cursor {plain(data['next_cursor'])}"] if data["next_cursor"] else []
    return Output(answer, [*lines, searched, *more])


def show(client: Client, options: argparse.Namespace) -> Output:
    """Show one complete letter."""
    answer = client.get(f"/dlq/letters/{quote(options.which, safe='')}", {"reveal": options.reveal})
    one = answer.data
    lineage = one.get("lineage") or {}
    lines = described(_LETTER, one)
    for edit in lineage.get("edits", []):
        lines.append(plain(f"edit {edit['number']} by {edit['author']} at {edit['at']}: {edit['reason']}"))
    for sent in lineage.get("replays", []):
        lines.append(plain(f"replay {sent['replay_id']}: {sent['state']}, sent {sent['sent_at']}"))
    for entry in lineage.get("audit", []):
        lines.append(plain(f"{entry['at']} {entry['action']} by {entry['actor']}: {entry['reason']}"))
    attempts = one["attempts_made"]
    if attempts and isinstance(attempts[-1], dict) and (trace := attempts[-1].get("traceback")):
        lines += ["the last attempt:", *(f"  {plain(line)}" for line in str(trace).splitlines())]
    return Output(answer, lines)


def replays(client: Client, options: argparse.Namespace) -> Output:
    """List replays, newest first."""
    answer = client.get("/dlq/replays", {"state": options.state, "limit": options.limit, "cursor": options.cursor})
    return paged(answer, listed(_REPLAYS, answer.data))


def audit(client: Client, options: argparse.Namespace) -> Output:
    """List what operators did."""
    answer = client.get(
        "/dlq/audit",
        {"actor": options.actor, "action": options.action, "limit": options.limit, "cursor": options.cursor},
    )
    return paged(answer, listed(_AUDIT, answer.data))
