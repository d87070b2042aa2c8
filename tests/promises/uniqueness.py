"""Uniqueness: a unique value has one holder, and what is deleted is gone (promise 2)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "No two entities have the same unique value, and nothing comes back that was deleted, nor stays of its data."


def check(case: Case) -> Iterator[Violation]:
    """Over all rows at rest, the disputed ones too."""
    holders: dict[tuple[str, str], str] = {}
    for row in case.final.rows:
        value = row.values.get(case.limits.unique.get(row.entity.resource, ""))
        if row.visible and value is not None:
            key = (row.entity.resource, str(value).lower())
            if key in holders:
                yield Violation("doubled", f"{value} is held by {holders[key]} and {row.entity.id}", row.entity.id)
            holders[key] = row.entity.id
    for ended in case.final.ended:
        if ended.method == "DELETE" and ended.effect == "applied":
            left = case.rows.get(ended.entity)
            if left is not None and left.visible:
                what = f"{ended.entity.id} was deleted by {ended.operation_id} and is visible"
                yield Violation("resurrected", what, ended.entity.id)
    for what in case.final.unerased:
        yield Violation("resurrected", f"personal data of something deleted is still there: {what}", what)
