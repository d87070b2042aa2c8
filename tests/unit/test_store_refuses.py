"""A database that answers, and refuses because of rights, schema or a full disk: it counts as an outage, and is
reported with its cause."""

from typing import Any, cast

import pymysql
import pytest
import sqlalchemy as sa

from holdfast.services.dlq_admin.breakers import BreakerSummary
from holdfast.services.dlq_admin.console.render.outage import outage
from holdfast.services.dlq_admin.letters.on_stream import banner
from holdfast.services.dlq_admin.overview import Backlog, SystemState
from holdfast.services.writer.hold import Hold, database_breaker
from holdfast.shared.faults import Outage, Refusal
from holdfast.shared.fleet.member import describe
from holdfast.shared.http.health import closed
from holdfast.shared.resilience.failure_reporter import FailureReporter, is_refusal
from holdfast.shared.store.classify import NotConnected, classify
from holdfast.shared.telemetry import metrics

RIGHTS_AND_SCHEMA = [1044, 1045, 1049, 1054, 1130, 1142, 1143, 1146, 1227, 1698, 1820, 1862, 3118, 4151]
FULL = [1021, 1114]

WRITER = {"service": "writer", "instance": "writer-0"}


def home(*breakers: BreakerSummary) -> SystemState:
    """Return the part of the system's state from which the outage card of the console's home is made."""
    backlog = Backlog(depth=3, oldest_age_s=2.0)
    known = {"letters": {}, "backlog": backlog, "breakers": list(breakers), "partitions_away": []}
    return cast(Any, SystemState).model_construct(**known)  # type: ignore[no-any-return]  # its other fields are not read


def refused(number: int, of: type[pymysql.err.Error] = pymysql.err.OperationalError) -> Exception:
    """Return the error as the store raises it."""
    vendors = sa.exc.DBAPIError.instance("a statement", {}, of(number, "denied to 'ann'"), pymysql.err.Error)  # type: ignore[arg-type]
    fault = classify(vendors)  # type: ignore[arg-type]
    fault.__cause__ = vendors
    return fault


@pytest.mark.parametrize("number", RIGHTS_AND_SCHEMA + FULL)
@pytest.mark.parametrize("of", [pymysql.err.ProgrammingError, NotConnected])
def test_what_a_person_has_to_mend_is_an_answer(number: int, of: type[pymysql.err.Error]) -> None:
    """An error that a person has to mend is an outage, so that no entry is charged or dead-lettered for it, and is
    reported as a refusal."""
    error = refused(number, of)
    assert isinstance(error, Outage)
    assert type(error) is Refusal
    assert is_refusal(error)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(2003, "no_answer"), (2013, "no_answer"), (1040, "no_answer"), (1142, "refused"),
     *((number, "wrong_node") for number in (1290, 1792, 1836, 3100, 1047))],
)  # fmt: skip
@pytest.mark.parametrize("of", [pymysql.err.OperationalError, NotConnected])
def test_what_its_loops_count(number: int, kind: str, of: type[pymysql.err.Error]) -> None:
    """A store that does not answer, one that refuses and a node that takes no writes are counted apart. Such a node
    does answer, and a switch-over ends its state without a person."""
    counted = metrics.loop_failures.labels("any", kind)
    before = counted._value.get()
    FailureReporter("any").failed(refused(number, of))
    assert counted._value.get() == before + 1
    assert is_refusal(refused(number, of)) == (kind == "refused")


async def test_what_it_says_is_shown_until_it_works() -> None:
    """The text of a refusal is shown until the store works again: in the breaker's report, in /health, and on the
    console's home with what to do."""
    works = False

    async def write() -> None:
        if not works:
            raise refused(1142)

    breaker = database_breaker(1.5)
    hold = Hold(breaker, write)
    prober = hold.prober()
    with pytest.raises(Refusal):
        await hold.control()
    await prober.turn()
    words = "database error 1142: denied to 'ann'"
    assert describe(breaker)["refusal"] == words
    assert hold.check() == (False, f"holding: it answers, and refuses: {words}")
    assert closed(breaker)() == (False, f"open: it answers, and refuses: {words}")
    shown = outage(home(BreakerSummary.model_validate(describe(breaker) | WRITER)))
    assert shown
    assert any(words in sentence and "answers" in sentence for sentence in shown.felt)
    assert any(href.endswith("/HoldfastLoopCrashing") for _, href in shown.do)
    works = True
    await prober.turn()
    await prober.turn()
    assert describe(breaker)["refusal"] is None
    assert hold.check() == (True, "")


def test_a_page_without_the_index_says_why() -> None:
    """A page without the index says whether the database refuses, with its reason, or does not answer."""
    assert banner(None).startswith("The database does not answer. ")
    assert banner("denied").startswith("The database answers, and refuses: denied. ")
