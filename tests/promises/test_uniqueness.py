"""Uniqueness: for how long a dead letter holds what it wants."""

from dataclasses import replace

import pytest

from tests.promises import uniqueness
from tests.promises.breaks_by_others import given_away
from tests.promises.broken import fresh
from tests.promises.final import Ended, Entity
from tests.promises.history import Ok


@pytest.mark.parametrize(
    ("method", "body", "held"),
    [("PATCH", {"email": "b@example.com"}, False), ("DELETE", {}, False), ("PATCH", {}, True)],
)
def test_a_letter_whose_entity_moved_on_holds_nothing(method: str, body: dict[str, str], held: bool) -> None:
    """A dead letter holds no unique value once a newer value of its entity was applied or the entity is gone, because a
    replay of the letter would not set its own value."""
    broken = fresh(1)
    given_away(broken)
    [letter] = broken.final.letters
    entity = Entity("users", letter.entity_id)
    attempt = broken.run.send(method, f"/users/{entity.id}", body={"name": "n"} | body, key="moved-on")
    broken.append(Ok(broken.run.step(), attempt, 202, "moved-on", entity.id, 10**6 + 2, "queued"))
    moved_on = Ended("moved-on", entity, method, 10**6 + 2, "applied")
    broken.final = replace(broken.final, ended=(*broken.final.ended, moved_on))
    found = [each.kind for each in uniqueness.check(broken.case()) if "dead letter" in each.what]
    assert found == ["doubled"] * held
