"""What a breaker before the third party may open for."""

from dataclasses import replace

import pytest

from tests.promises.breaks_external import opened_for_partial_failure
from tests.promises.broken import fresh
from tests.promises.history import Fault
from tests.promises.verdict import CHECKS


@pytest.mark.parametrize(
    "why", ["all calls fail", "none is answered in time", "the link is cut", "few are late and the others fail"]
)
def test_a_breaker_may_open_for_total_failure(why: str) -> None:
    """The breaker may open when every call to the third party fails or is late, and when the third party cannot be
    reached."""
    whole = fresh(3)
    opened_for_partial_failure(whole)
    opened = whole.run.events[-1].at_s
    if why == "the link is cut":
        whole.append(Fault(opened - 2, opened, "refuse", "proxy-1>third-party"))
    elif why == "few are late and the others fail":
        log = [
            replace(each, fault="" if each.number % 10 == 5 else "fail", slow_s=2.0 if each.number % 10 == 5 else 0.0)
            for each in whole.final.arrivals or ()
        ]
        whole.final = replace(whole.final, arrivals=tuple(log))
    else:
        worse = "fail" if why == "all calls fail" else "hang"
        log = [replace(each, fault=worse if each.number >= 1000 else "") for each in whole.final.arrivals or ()]
        whole.final = replace(whole.final, arrivals=tuple(log))
    check, _ = CHECKS["external"]
    assert not [*check(whole.case())]
