"""The ledger's equation."""

from dataclasses import replace

import pytest
from starlette.requests import Request

from holdfast.services.dlq_admin.auditor.auditor import Reading
from holdfast.services.dlq_admin.auditor.models import LedgerReading, ledger_reading
from holdfast.services.dlq_admin.console.render.assets import Assets
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.shared.http.keys import Principal
from holdfast.shared.writes.ledger import Ledger, balance, table

NOON = "2026-01-15T12:00:00Z"
ANN = Principal("ann", frozenset({"view"}))

_BALANCED = Ledger(
    entries=110,
    replayed=3,
    duplicates=2,
    direct=5,
    imported=2,
    applied=90,
    rejected=6,
    dead_lettered=5,
    discarded=2,
    in_flight=9,
)


def test_it_balances() -> None:
    """A ledger in which every accepted write has its place shows nothing as missing and is balanced."""
    assert _BALANCED.accepted == 112
    assert _BALANCED.missing == 0
    assert "balanced" in table(_BALANCED)


def test_one_write_less_is_seen() -> None:
    """A write that vanished is missing, and the table says so."""
    lost = replace(_BALANCED, applied=89)
    assert lost.missing == 1
    assert "OUT OF BALANCE" in table(lost)
    assert balance(lost.missing, lost.accepted) == "1 missing"


def test_what_was_never_accepted_is_no_negative_loss() -> None:
    """A letter or a row that was added by hand is shown as more than was accepted: no number below 0 is shown, and
    nothing is called missing."""
    more = replace(_BALANCED, dead_lettered=9)
    assert more.missing == -4
    assert balance(more.missing, more.accepted) == "4 more than were accepted"
    lines = [line.split("  ") for line in table(more).splitlines()]
    shown = {words[0]: words[1:] for words in lines}
    assert shown["missing"][-1].strip() == "0"
    assert shown["more than were accepted"][-1] == "OUT OF BALANCE"
    assert balance(0, 112) == "balanced, 112 accepted"


@pytest.mark.parametrize(("missing", "words"), [(0, "balance"), (4, "4 missing"), (-4, "4 more than were accepted")])
def test_the_page_of_the_ledger_says_what_it_is(missing: int, words: str) -> None:
    """The ledger's page states in words that writes are missing or that there are more than were accepted, and never
    shows "-4 missing"."""
    ledger = LedgerReading.model_construct(
        **dict.fromkeys(LedgerReading.model_fields, 5) | {"missing": missing, "as_of": NOON}
    )
    text = _page(ledger, "")
    assert words in text
    assert "-4" not in text
    assert "not read" not in text


def test_the_page_of_a_ledger_that_is_not_read_says_why() -> None:
    """The page of a ledger that could not be read shows the error text of the refusal."""
    text = _page(None, "TooFewReplicas: it may be an old primary")
    assert "The ledger is not read" in text
    assert "TooFewReplicas: it may be an old primary" in text


def _page(ledger: LedgerReading | None, unread: str) -> str:
    request = {"type": "http", "method": "GET", "path": "/console/epochs", "headers": []}
    scope = {**request, "request_id": "req_1", "principal": ANN}
    pages = Pages(Assets(), lambda: {})
    return bytes(pages.page(Request(scope), "epochs.html", epochs=[], ledger=ledger, unread=unread).body).decode()


def test_stores_that_contradict_one_another_are_shown() -> None:
    """Negative numbers in a ledger are shown and are not an error, because an operator has to see that stores
    contradict each other."""
    shown = ledger_reading(Reading(replace(_BALANCED, lost=-8, carried=-200), 0.0, 0.0))
    assert (shown.lost, shown.accepted < 0) == (-8, True)
