"""Decisions: commands that change a selection of letters. Without `--count` they only show what they would do and
to how many letters; with that number they do it."""

import argparse
from typing import Any

from holdfast.services.dlq_admin.cli import selection
from holdfast.services.dlq_admin.cli.client import Answer, Client
from holdfast.services.dlq_admin.cli.output import Output
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.cli.table import counts, facts, plain, table
from holdfast.services.dlq_admin.cli.watch import progress, watch


def bulk(client: Client, path: str, options: argparse.Namespace, more: dict[str, Any] | None = None) -> Answer:
    """Preview or change. Raises Usage, Refused, NotReachable."""
    wish = {"selection": selection.meant(options), "reason": why(options)} | counted(options) | (more or {})
    return client.send(path, wish)


def counted(options: argparse.Namespace) -> dict[str, Any]:
    """A dry run, or the expected count."""
    return {"dry_run": True} if options.count is None else {"expected_count": options.count}


def why(options: argparse.Namespace) -> str:
    """The reason; required unless it is a dry run. Raises Usage."""
    if options.reason is None and options.count is not None:
        raise Usage("--reason is required: it is recorded in the audit")
    return options.reason or "a dry run"


def done(answer: Answer, lines: list[str], options: argparse.Namespace, count: int) -> Output:
    """The lines, and on a dry run how to do it."""
    if options.count is None:
        more = "" if options.reason else " --reason WHY"
        lines = [*lines, "", f"Nothing was done. To do it, repeat the command with: --count {count}{more}"]
    return Output(answer, lines)


def what_if(client: Client, options: argparse.Namespace) -> Output:
    """What would become of them if they were sent again now."""
    wish = {"selection": selection.meant(options), "limit": options.limit}
    answer = client.send("/dlq/what-if", wish | ({"reveal": options.reveal} if options.reveal else {}))
    data = answer.data
    rows = [(one["id"], one["verdict"], one["why"], _diff(one["diff"])) for one in data["letters"]]
    head = facts(
        {
            "letters": data["count"],
            "would be": counts(data["verdicts"]),
            "why": counts(data["why"]),
            "in another state": counts(data["others"]),
        }
    )
    return Output(answer, [*head, "", *table(("id", "would be", "why", "what changes"), rows)])


def _diff(diff: dict[str, Any]) -> str:
    return (
        ", ".join(f"{name}: {plain(each['before'])} → {plain(each['after'])}" for name, each in diff.items())
        or "nothing"
    )


def discard(client: Client, options: argparse.Namespace) -> Output:
    """Discard: their writes will not be applied."""
    return _bulk(client, "/dlq/discards", options)


def restore(client: Client, options: argparse.Namespace) -> Output:
    """Undo a discard."""
    return _bulk(client, "/dlq/restores", options)


def _bulk(client: Client, path: str, options: argparse.Namespace) -> Output:
    answer = bulk(client, path, options)
    return done(answer, _summary(answer.data), options, answer.data["count"])


def _summary(data: dict[str, Any]) -> list[str]:
    return facts(
        {
            "letters": data["count"],
            "groups": counts(data["groups"]),
            "in another state, left alone": counts(data["others"]),
        }
    )


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
        lines = [
            *_summary(data),
            *facts(
                {
                    "at least": f"{data['at_least_s']} s",
                    "begins as": data["state"],
                    "canary": ", ".join(map(str, data["plan"]["canary"])) or "none",
                    "rate": f"{data['plan']['rate_per_s']} a second",
                }
            ),
        ]
        return done(answer, lines, options, data["count"])
    if options.watch:
        return watch(client, data["id"], quiet=options.json)
    return Output(answer, [progress(data), f"To watch it: replay-show {data['id']} --watch"])


def replay_show(client: Client, options: argparse.Namespace) -> Output:
    """One replay: where it stands; with outcomes, the letters that ended so."""
    if options.outcome:
        answer = client.get(
            f"/dlq/replays/{options.which}/items",
            {"outcome": options.outcome, "limit": options.limit, "cursor": options.cursor},
        )
        rows = [
            (
                one["position"],
                one["letter_id"],
                one["outcome"],
                one["operation_id"],
                one["sent_at"],
                one["ended_at"],
                one["detail"],
            )
            for one in answer.data
        ]
        lines = table(("position", "letter", "outcome", "operation", "sent", "ended", "detail"), rows)
        if end := answer.meta.get("next_cursor"):
            lines.append(f"more: --cursor {plain(end)}")
        return Output(answer, lines)
    if options.watch:
        return watch(client, options.which, quiet=options.json)
    answer = client.get(f"/dlq/replays/{options.which}")
    one = answer.data
    return Output(
        answer,
        facts(
            {
                "replay": one["id"],
                "state": f"{one['state']} {one['state_reason']}".strip(),
                "letters": one["letters"],
                "outcome": counts(one["counts"]),
                "in flight": one["in_flight"],
                "canary": f"{one['canary_step']} of {one['canary_steps']} steps",
                "rate": one["plan"]["rate_per_s"],
                "by": one["created_by"],
                "why": one["reason"],
                "approved by": one["approved_by"],
                "created": one["created_at"],
                "started": one["started_at"],
                "ended": one["ended_at"],
            }
        ),
    )


def order(client: Client, options: argparse.Namespace) -> Output:
    """Pause, resume, cancel, recall, approve."""
    answer = client.send(
        f"/dlq/replays/{options.which}/{options.command}", {"reason": options.reason, "dry_run": options.dry_run}
    )
    return Output(answer, [progress(answer.data), *(["Nothing was done."] if options.dry_run else [])])


def allowances(client: Client, options: argparse.Namespace) -> Output:
    """The caller's allowance."""
    answer = client.get("/dlq/allowances")
    return Output(answer, _allowance(answer.data))


def allow(client: Client, options: argparse.Namespace) -> Output:
    """Allow another operator more letters."""
    wish = {"actor": options.actor, "letters": options.letters, "reason": options.reason}
    answer = client.send("/dlq/allowances", wish)
    return Output(answer, _allowance(answer.data))


def _allowance(data: Any) -> list[str]:
    return facts(
        {
            "who": data["actor"],
            "left": f"{data['left']} of {data['letters']} letters in {data['window_s']} s",
            "more at": data["more_at"],
        }
    )


def go_on(client: Client, options: argparse.Namespace) -> Output:
    """Halted writers, or one of them."""
    answer = client.send(
        "/dlq/writers/go-on", {"writer": options.writer, "reason": options.reason, "dry_run": options.dry_run}
    )
    names = ", ".join(map(plain, answer.data["writers"]))
    lines = [f"{'Halted' if options.dry_run else 'Resumed'}: {names}" if names else "No writer is halted."]
    return Output(answer, [*lines, *(["Nothing was done."] if options.dry_run else [])])
