"""Letters found by the contents of their payloads: all that match and no others, without showing personal data to
operators who may not see it."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.shared.domain.registry import domain
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.edit.document import edited
from holdfast.shared.letters.find import payloads
from holdfast.shared.letters.find.contents import Contents, holds
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.letter import Letter
from holdfast.shared.store.engine import Engine
from tests.letters import letter

ANN = Actor("ann", "operate", "because", "req_12345678")
_WORDS = ("Straße", "strasse", "ADA", "ada", "é", "e\u0301", "42", "true", "•••", '"', "\\", "none")
_NAMES = ("slug", "title", "body", "doi", "tags", "unknown")


@pytest.fixture
def articles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resource with fields that are shown to all operators, and one that is not."""
    monkeypatch.setenv("HOLDFAST_DOMAIN", "tests.articles")
    domain.cache_clear()
    yield
    domain.cache_clear()


def _value(luck: random.Random, depth: int) -> Any:
    kind = luck.randrange(8 if depth else 5)
    if kind > 5:
        return {luck.choice(_NAMES): _value(luck, depth - 1) for _ in range(3)}
    if kind == 5:
        return [_value(luck, depth - 1) for _ in range(2)]
    return (luck.choice(_WORDS), f"x{luck.choice(_WORDS)}y", luck.choice((True, None)), luck.choice((42, 0.5)), "")[
        kind
    ]


def test_who_may_not_reveal_finds_only_by_what_is_shown(articles: None) -> None:
    """A search without the right to reveal gives the same result whatever the masked values are."""
    luck = random.Random(5)
    outcomes = set()
    for _ in range(2000):
        payload = {luck.choice(_NAMES): _value(luck, 2) for _ in range(4)}
        wanted = Contents(luck.choice(_WORDS), luck.choice((None, *_NAMES)))
        entry = {b"resource": b"articles", b"payload": json.dumps(payload).encode()}
        shown = mask.payload(payload, entry, revealed=False)
        hidden = {name: each for name, each in shown.items() if each == payload[name] and each is not None}
        plain = {name: each for name, each in hidden.items() if not isinstance(each, dict | list)}
        alike = {**{name: "something else" for name in payload}, **plain}
        found = holds(entry, wanted, revealed=False)
        assert found == holds(entry | {b"payload": json.dumps(alike).encode()}, wanted, revealed=False), payload
        assert not found or holds(entry, wanted, revealed=True)
        outcomes.add((found, holds(entry, wanted, revealed=True)))
    assert outcomes == {(False, False), (False, True), (True, True)}


@pytest.mark.parametrize(
    ("text", "field", "found"),
    [("STRASSE", None, True), ("straße", "city", True), ("strasse", "name", False), ("42", "age", True),
     ("true", None, True), ("e\u0301", None, True), ("city", None, False), ("null", None, True)],
)  # fmt: skip
def test_a_value_is_found_however_it_is_written(text: str, field: str | None, found: bool) -> None:
    """A value is found at any depth, regardless of case and Unicode form, but names of fields are not searched."""
    payload = {"name": "Zoé", "home": [{"city": "Lange Straße 1"}], "age": 42, "ok": True, "phone": None}
    entry = {b"resource": b"users", b"payload": json.dumps(payload).encode()}
    assert holds(entry, Contents(text, field), revealed=True) == found
    assert not holds(entry, Contents(text, field), revealed=False)  # all fields of a user are personal
    torn = {b"resource": b"users", b"payload": f"{{{text}".encode()}
    assert holds(torn, Contents(text), revealed=True)
    assert not holds(torn, Contents(text, "name"), revealed=True)


def _all(engine: Engine, wanted: Filter, text: str, limit: int) -> tuple[list[int], int]:
    found: list[int] = []
    looked_through, beyond = 0, None
    while True:
        page = payloads.find(engine, wanted, Contents(text), beyond=beyond, limit=limit, revealed=True)
        assert len(page.rows) <= limit
        found += [row.id for row in page.rows]
        looked_through += page.looked_through
        if page.next is None:
            return found, looked_through
        beyond = page.next


@pytest.mark.parametrize("stretch", [1, 7, 20_000])
def test_every_letter_is_looked_through_once(engine: Engine, monkeypatch: pytest.MonkeyPatch, stretch: int) -> None:
    """Every letter is searched once, in stretches of any length, with large letters among them, in the original or in
    the edit in force."""
    monkeypatch.setattr(payloads, "LETTERS_MAX", stretch)
    monkeypatch.setattr(payloads, "_PAGE", 5)
    monkeypatch.setattr(versions, "PAGE_MAX_BYTES", 2000)
    letters: list[Letter] = [
        letter(number, name=("Ottilie" if number % 4 == 0 else "Ann") + "x" * (number % 3 * 600), code=str(number % 2))
        for number in range(20)
    ]
    index.index(engine, letters)
    renamed = letters[3].number
    versions.edit(
        engine,
        renamed,
        lambda fields, entry_id, _: edited(fields, _named(fields, "OTTILIE"), entry_id),
        ANN,
        dry_run=False,
    )
    expected = sorted([each.number for each in letters[::4]] + [renamed], reverse=True)
    assert _all(engine, Filter(), "ttili", limit=2) == (expected, len(letters))
    odd = {each.number for each in letters[1::2]}
    assert _all(engine, Filter(code="1"), "ttili", limit=50) == ([renamed], len(odd))


def _named(fields: Any, name: str) -> dict[str, Any]:
    document = {key.decode(): value.decode() for key, value in fields.items()}
    return document | {"payload": json.loads(document["payload"]) | {"name": name}}
