"""How the third party's answers and timeouts are classified."""

import time

import pytest

from holdfast.services.external_proxy.answers import (
    ErrorStatus,
    RetryRefused,
    answer_to,
    judgement,
    retry_after_s,
    retry_decision,
)
from holdfast.shared.http.client import BadAnswer, NotReached, TookTooLong, TooManyAtOnce
from holdfast.shared.resilience.breaker.verdict import Throttled, Verdict
from holdfast.shared.resilience.retry_rules import RetryAllowed, Suppressed


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ErrorStatus(500, None), Verdict.FAILURE),
        (ErrorStatus(503, 5.0), Verdict.FAILURE),
        (ErrorStatus(302, None), Verdict.FAILURE),
        (ErrorStatus(408, None), Verdict.FAILURE),
        (ErrorStatus(404, None), Verdict.SUCCESS),
        (ErrorStatus(429, 7.0), Throttled(7.0)),
        (ErrorStatus(429, None), Throttled(0.0)),
        (TookTooLong(), Verdict.UNREACHABLE),
        (NotReached(), Verdict.UNREACHABLE),
        (BadAnswer("not_json"), Verdict.FAILURE),
        (TooManyAtOnce(), Verdict.NEUTRAL),
        (ZeroDivisionError(), Verdict.FAILURE),
    ],
)
def test_what_it_says_about_the_third_party(error: Exception, verdict: object) -> None:
    """A 404 does not count as a failure of the third party, and a 429 counts as throttling."""
    assert judgement(error) == verdict


@pytest.mark.parametrize(
    ("error", "idempotent", "keyed", "expected"),
    [
        (TookTooLong(), True, False, RetryAllowed(None)),
        (TookTooLong(), False, True, RetryAllowed(None)),
        (TookTooLong(), False, False, Suppressed.UNSAFE),
        (ErrorStatus(500, None), True, False, RetryAllowed(None)),
        (ErrorStatus(500, None), False, True, None),
        (ErrorStatus(503, 4.0), False, True, RetryAllowed(4.0)),
        (ErrorStatus(429, None), True, False, RetryAllowed(1.0)),
        (ErrorStatus(400, None), True, True, None),
        (BadAnswer("cut_short"), True, False, RetryAllowed(None)),
        (BadAnswer("too_large"), True, False, None),
        (TooManyAtOnce(), True, True, None),
        (RetryRefused(TookTooLong()), True, False, Suppressed.OPEN),
        (ZeroDivisionError(), True, True, None),
    ],
)
def test_whether_to_try_again(error: Exception, idempotent: bool, keyed: bool, expected: object) -> None:
    """A request is retried only if the retry may end better and the request may safely happen twice."""
    assert retry_decision(error, idempotent=idempotent, keyed=keyed) == expected


def test_a_write_that_was_sent_is_indefinite_and_one_that_was_not_is_definite() -> None:
    """A write that may have been executed gets an indefinite answer. A write that was not sent, or that the third party
    refused, gets a definite answer."""
    assert not answer_to(TookTooLong(), idempotent=False).definite
    assert not answer_to(RetryRefused(ErrorStatus(503, None)), idempotent=False).definite
    assert answer_to(TooManyAtOnce(), idempotent=False).definite
    assert answer_to(ErrorStatus(422, None), idempotent=False).definite
    assert answer_to(TookTooLong(), idempotent=True).code == "UPSTREAM_TIMEOUT"


@pytest.mark.parametrize(
    "last", [TooManyAtOnce(), ErrorStatus(429, 5.0), ErrorStatus(409, None), RetryRefused(ErrorStatus(429, None))]
)
def test_an_attempt_that_may_have_happened_is_not_forgotten(last: Exception) -> None:
    """A write whose first attempt may have taken effect stays indefinite, even if a later attempt was certainly refused
    or not sent. A read, and a write whose attempts were all refused, get the answer to the last attempt."""
    for first in (TookTooLong(), ErrorStatus(503, None)):
        answer = answer_to(last, idempotent=False, earlier=[first])
        assert (answer.code, answer.definite) == ("UPSTREAM_OUTCOME_UNKNOWN", False)
        assert answer_to(last, idempotent=True, earlier=[first]).code == answer_to(last, idempotent=True).code
    assert answer_to(last, idempotent=False, earlier=[ErrorStatus(429, None)]).definite


@pytest.mark.parametrize(("earlier", "last"), [([], ErrorStatus(503, 7.0)), ([TookTooLong()], ErrorStatus(429, 7.0))])
def test_an_indefinite_answer_keeps_the_pause_that_was_asked_for(earlier: list[Exception], last: Exception) -> None:
    """A write whose outcome is unknown is to be sent again after the pause that the third party asked for last."""
    assert answer_to(last, idempotent=False, earlier=earlier).retry_after_s == 7


@pytest.mark.parametrize(("earlier", "expected"), [(TookTooLong(), 13), (ErrorStatus(503, 60.0), 60)])
def test_a_refused_retry_names_the_longer_pause(earlier: Exception, expected: int) -> None:
    """If the breaker refuses a retry for 12.4 s, the answer asks the caller to wait as long, or longer if the third
    party asked for more."""
    assert answer_to(RetryRefused(earlier, 12.4), idempotent=True).retry_after_s == expected


def test_a_bug_stays_a_bug() -> None:
    """A bug in the proxy is raised and is not reported as a failure of the third party."""
    with pytest.raises(ZeroDivisionError):
        answer_to(ZeroDivisionError(), idempotent=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("5", 5.0), (" 120 ", 120.0), ("0", 0.0), ("301", 300.0), ("999999999", 300.0),
        ("9" * 10, 300.0), ("9" * 400, 300.0), ("0" * 400 + "7", 7.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 300.0),
        *((raw, None) for raw in ("", "soon", "-1", "1.5", "\u00b2", "nan", "inf", "1e9", "0x10", "5, 5",
                                  "Fri, 31 Dec 99999 23:59:59 GMT", "Thu, 99 Jan 1970 00:00:00 GMT")),
    ],
)  # fmt: skip
def test_retry_after_in_all_its_forms(raw: str, expected: float | None) -> None:
    """Retry-After is read as seconds or as a date, and is limited to 300 s; a value that makes no sense counts as
    absent."""
    assert retry_after_s({"retry-after": raw}, 300) == expected


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"])
def test_each_form_of_a_date_is_in_utc_wherever_we_run(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of HTTP's three forms of a date is in UTC, also on a machine with another time zone."""
    date = time.strftime(form, time.gmtime(time.time() + 3600))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "UTC-9")
        time.tzset()
        wait_s = retry_after_s({"retry-after": date}, 100_000)
    time.tzset()
    assert wait_s == pytest.approx(3600, abs=60)
