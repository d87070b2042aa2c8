"""Ways to break a promise that a sequential model of entities does not see: see test_promises.py."""

from collections.abc import Callable
from dataclasses import replace

from tests.promises.broken import Broken
from tests.promises.final import Ended, Entity, Letter
from tests.promises.history import Act, Fault, Invoke, Ok, Shown, Tripped


def late_write_overwrites(broken: Broken) -> None:
    """Let a row hold the value that an older write had set."""
    row = broken.run.chance.choice([row for row in broken.final.rows if row.visible])
    older = replace(row, values={**row.values, "email": "older@example.com"})
    broken.final = replace(broken.final, rows=tuple(older if r is row else r for r in broken.final.rows))


def later_and_older(broken: Broken) -> None:
    """Give a write that was sent after another write's answer an older version."""
    create = broken.any_applied("POST")
    attempt = broken.run.send("PUT", f"/users/{create.entity.id}", body={"name": "later"}, key="later")
    broken.append(Ok(broken.run.step(), attempt, 202, "later", create.entity.id, 0, "queued"))
    later = Ended("later", create.entity, "PUT", create.version - 1, "superseded")
    broken.final = replace(broken.final, ended=(*broken.final.ended, later))


def another_body_under_a_key(broken: Broken) -> None:
    """Answer another body under a used key as if it were the first write."""
    ended = broken.any_applied("POST")
    answer = broken.answer_of(ended.operation_id)
    sent = next(e for e in broken.run.events if isinstance(e, Invoke) and e.attempt == answer.attempt)
    again = replace(sent, attempt=10_001, body={**(sent.body or {}), "name": "another"})
    broken.append(again, replace(answer, attempt=10_001))


def page_upside_down(broken: Broken) -> None:
    """List the newest entities first."""
    rows = sorted(broken.final.rows, key=lambda row: -row.created_version)
    attempt = broken.run.send("GET", "/users?limit=50")
    shown = tuple(Shown(row.entity.id, row.version, row.values) for row in rows)
    broken.append(Ok(broken.run.step(), attempt, 200, shown=shown))


def delete_without_a_trace(broken: Broken) -> None:
    """Remove the tombstone, so that an older write would find nothing."""
    gone = broken.any_applied("DELETE").entity
    broken.final = replace(broken.final, rows=tuple(row for row in broken.final.rows if row.entity != gone))


def given_away(broken: Broken) -> None:
    """Give the unique value that a dead letter wants to a later write."""
    ids = []
    for number, version in enumerate((10**6, 10**6 + 1)):
        body = {"name": "n", "email": "promised@example.com"}
        attempt = broken.run.send("POST", "/users", body=body, key=f"promised-{number}")
        ids.append(f"promised-{number}")
        broken.append(Ok(broken.run.step(), attempt, 202, ids[-1], ids[-1], version, "queued"))
    got = Ended(ids[1], Entity("users", ids[1]), "POST", 10**6 + 1, "applied")
    letter = Letter("1-0", ids[0], "dead", "attempts_exhausted", entity_id=ids[0])
    broken.final = replace(broken.final, ended=(*broken.final.ended, got), letters=(letter,))


def discarded_without_a_record(broken: Broken) -> None:
    """Record only one of two discards."""
    broken.append(*(Act(broken.run.step(), "eve", "discard", done=True) for _ in range(2)))
    broken.final = replace(broken.final, audited={"discard": 1, "replay": 4})


def ledger_out_for_a_moment(broken: Broken) -> None:
    """Let the ledger be out of balance during the run, and balance at rest."""
    broken.final = replace(broken.final, imbalances=("at 3 s admin-1 missed 1",))


def opened_for_nothing(broken: Broken) -> None:
    """Open an api's database breaker when only a writer was killed."""
    broken.append(Fault(broken.run.step(), broken.run.step(), "kill", "writer-1"))
    broken.append(Tripped(broken.run.step(), "api-1", "database"))


OTHERS: dict[Callable[[Broken], None], tuple[str, str]] = {
    late_write_overwrites: ("newest", "inverted"),
    later_and_older: ("newest", "inverted"),
    another_body_under_a_key: ("doubled", "doubled"),
    page_upside_down: ("reads", "inverted"),
    delete_without_a_trace: ("uniqueness", "resurrected"),
    given_away: ("uniqueness", "doubled"),
    discarded_without_a_record: ("audited", "undocumented"),
    ledger_out_for_a_moment: ("ledger", "ledger"),
    opened_for_nothing: ("breakers", "opened for nothing"),
}
