"""Decisions: commands that change a selection of letters. Without `--count` they only show what they would do, and to
how many letters; with that number they do it."""

import argparse
from typing import Any

from holdfast.services.dlq_admin.away import named
from holdfast.services.dlq_admin.cli import selection
from holdfast.services.dlq_admin.cli.client import Answer, Client
from holdfast.services.dlq_admin.cli.output import Output, paged
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.cli.table import Columns, counts, described, listed, plain
from holdfast.services.dlq_admin.cli.watch import progress, watch

_WHAT_IF: Columns = {
    "letters": "count",
    "would be": lambda one: counts(one["verdicts"]),
    "why": lambda one: counts(one["why"]),
    "in another state": lambda one: counts(one["others"]),
}
_VERDICTS: Columns = {"id": "id", "would be": "verdict", "why": "why", "what changes": lambda one: _diff(one["diff"])}
_SUMMARY: Columns = {
    "letters": "count",
    "groups": lambda one: counts(one["groups"]),
    "in another state, left alone": lambda one: counts(one["others"]),
}
_PLANNED: Columns = {
    "at least": lambda one: f"{one['at_least_s']} s",
    "begins as": "state",
    "canary": lambda one: ", ".join(map(str, one["plan"]["canary"])) or "none",
    "rate": lambda one: f"{one['plan']['rate_per_s']} a second",
}
_ITEMS: Columns = {
    "position": "position",
    "letter": "letter_id",
    "outcome": "outcome",
    "operation": "operation_id",
    "sent": "sent_at",
    "ended": "ended_at",
    "detail": "detail",
}
_REPLAY: Columns = {
    "replay": "id",
    "state": lambda one: f"{one['state']} {one['state_reason']}".strip(),
    "letters": "letters",
    "outcome": lambda one: counts(one["counts"]),
    "in flight": "in_flight",
    "waits for": lambda one: named(one["partitions_away"]) if one["partitions_away"] else None,
    "canary": lambda one: f"{one['canary_step']} of {one['canary_steps']} steps",
    "rate": lambda one: one["plan"]["rate_per_s"],
    "by": "created_by",
    "why": "reason",
    "approved by": "approved_by",
    "created": "created_at",
    "started": "started_at",
    "ended": "ended_at",
}
_ALLOWANCE: Columns = {
    "who": "actor",
    "left": lambda one: f"{one['left']} of {one['letters']} letters in {one['window_s']} s",
    "more at": "more_at",
}


def bulk(client: Client, path: str, options: argparse.Namespace, more: dict[str, Any] | None = None) -> Answer:
    """Preview or change the selected letters. Raises Usage, Refused, NotReachable."""
    wish = {"selection": selection.meant(options), "reason": why(options)} | counted(options) | (more or {})
    return client.send(path, wish)


def counted(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields for a dry run, or for the expected count."""
    return {"dry_run": True} if options.count is None else {"expected_count": options.count}


def why(options: argparse.Namespace) -> str:
    """Return the reason, which is required unless this is a dry run. Raises Usage."""
    if options.reason is None and options.count is not None:
        raise Usage("--reason is required: it is recorded in the audit")
    return options.reason or "a dry run"


def done(answer: Answer, lines: list[str], options: argparse.Namespace, count: int) -> Output:
    """Return the output of `lines`; after a dry run, add how to do it."""
    if options.count is None:
        more = "" if options.reason else " --reason WHY"
        lines = [*lines, "", f"Nothing was done. To do it, repeat the command with: --count {count}{more}"]
    return Output(answer, lines)


def what_if(client: Client, options: argparse.Namespace) -> Output:
    """Show what would become of the letters if they were sent again now."""
    wish = {"selection": selection.meant(options), "limit": options.limit}
    answer = client.send("/dlq/what-if", wish | ({"reveal": options.reveal} if options.reveal else {}))
    data = answer.data
    return Output(answer, [*described(_WHAT_IF, data), "", *listed(_VERDICTS, data["letters"])])


def _diff(diff: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name}: {plain(each['before'])} → {plain(each['after'])}" for name, each in diff.items())
        or "nothing"
    )


def discard(client: Client, options: argparse.Namespace) -> Output:
    """Discard letters: their writes will not be applied."""
    return _bulk(client, "/dlq/discards", options)


def restore(client: Client, options: argparse.Namespace) -> Output:
    """Undo a discard."""
    return _bulk(client, "/dlq/restores", options)


def _bulk(client: Client, path: str, options: argparse.Namespace) -> Output:
    answer = bulk(client, path, options)
    return done(answer, described(_SUMMARY, answer.data), options, answer.data["count"])


def replay(client: Client, options: argparse.Namespace) -> Output:
    """Send letters again."""
    stop = {
        "failing_share": options.failing_share,
        "backlog_max": options.backlog_max,
        "backlog_age_s": options.backlog_age,
        "breaker": False if options.no_breaker_stop else None,
    }
    plan = {
        "rate_per_s": options.rate,
        "canary": options.canary,
        "in_flight_max": options.in_flight,
        "stop": {name: value for name, value in stop.items() if value is not None} or None,
    }
    answer = bulk(client, "/dlq/replays", options, {name: value for name, value in plan.items() if value is not None})
    data = answer.data
    if options.count is None:
        return done(answer, [*described(_SUMMARY, data), *described(_PLANNED, data)], options, data["count"])
    if options.watch:
        return watch(client, data["id"], quiet=options.json)
    return Output(answer, [progress(data), f"To watch it: replay-show {data['id']} --watch"])


def replay_show(client: Client, options: argparse.Namespace) -> Output:
    """Show one replay and its progress; with `--outcome`, list the letters that ended so."""
    if options.outcome:
        answer = client.get(
            f"/dlq/replays/{options.which}/items",
            {"outcome": options.outcome, "limit": options.limit, "cursor": options.cursor},
        )
        return paged(answer, listed(_ITEMS, answer.data))
    if options.watch:
        return watch(client, options.which, quiet=options.json)
    answer = client.get(f"/dlq/replays/{options.which}")
    return Output(answer, described(_REPLAY, answer.data))


def order(client: Client, options: argparse.Namespace) -> Output:
    """Pause, resume, cancel, recall or approve a replay."""
    answer = client.send(
        f"/dlq/replays/{options.which}/{options.command}", {"reason": options.reason, "dry_run": options.dry_run}
    )
    return Output(answer, [progress(answer.data), *(["Nothing was done."] if options.dry_run else [])])


def allowances(client: Client, options: argparse.Namespace) -> Output:
    """Show the caller's allowance."""
    answer = client.get("/dlq/allowances")
    return Output(answer, described(_ALLOWANCE, answer.data))


def allow(client: Client, options: argparse.Namespace) -> Output:
    """Allow another operator more letters."""
    wish = {"actor": options.actor, "letters": options.letters, "reason": options.reason}
    answer = client.send("/dlq/allowances", wish)
    return Output(answer, described(_ALLOWANCE, answer.data))


def go_on(client: Client, options: argparse.Namespace) -> Output:
    """Resume all halted writers, or one of them."""
    answer = client.send(
        "/dlq/writers/go-on", {"writer": options.writer, "reason": options.reason, "dry_run": options.dry_run}
    )
    names = ", ".join(map(plain, answer.data["writers"]))
    lines = [f"{'Halted' if options.dry_run else 'Resumed'}: {names}" if names else "No writer is halted."]
    return Output(answer, [*lines, *(["Nothing was done."] if options.dry_run else [])])
