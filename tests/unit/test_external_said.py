"""What the third party's answers and silences are taken for."""

import pytest

from holdfast.services.external_proxy.said import ErrorSaid, NoLonger, hope, judgement, retry_after_s, told
from holdfast.shared.http.client import BadAnswer, NotReached, TookTooLong, TooManyAtOnce
from holdfast.shared.resilience.breaker.verdict import Throttled, Verdict
from holdfast.shared.resilience.retry_rules import Again, Suppressed


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ErrorSaid(500, None), Verdict.FAILURE),
        (ErrorSaid(503, 5.0), Verdict.FAILURE),
        (ErrorSaid(302, None), Verdict.FAILURE),
        (ErrorSaid(408, None), Verdict.FAILURE),
        (ErrorSaid(404, None), Verdict.SUCCESS),
        (ErrorSaid(429, 7.0), Throttled(7.0)),
        (ErrorSaid(429, None), Throttled(1.0)),
        (TookTooLong(), Verdict.UNREACHABLE),
        (NotReached(), Verdict.UNREACHABLE),
        (BadAnswer("not_json"), Verdict.FAILURE),
        (TooManyAtOnce(), Verdict.NEUTRAL),
        (ZeroDivisionError(), Verdict.FAILURE),
    ],
)
def test_what_it_says_about_the_third_party(error: Exception, verdict: object) -> None:
    """A no is not a failure, and being throttled is neither."""
    assert judgement(error) == verdict


@pytest.mark.parametrize(
    ("error", "idempotent", "keyed", "expected"),
    [
        (TookTooLong(), True, False, Again(None)),
        (TookTooLong(), False, True, Again(None)),
        (TookTooLong(), False, False, Suppressed.UNSAFE),
        (ErrorSaid(500, None), True, False, Again(None)),
        (ErrorSaid(500, None), False, True, None),
        (ErrorSaid(503, 4.0), False, True, Again(4.0)),
        (ErrorSaid(429, None), True, False, Again(1.0)),
        (ErrorSaid(400, None), True, True, None),
        (BadAnswer("cut_short"), True, False, Again(None)),
        (BadAnswer("too_large"), True, False, None),
        (TooManyAtOnce(), True, True, None),
        (NoLonger(TookTooLong()), True, False, Suppressed.OPEN),
        (ZeroDivisionError(), True, True, None),
    ],
)
def test_whether_to_try_again(error: Exception, idempotent: bool, keyed: bool, expected: object) -> None:
    """Only what may end better, and only what may happen twice."""
    assert hope(error, idempotent=idempotent, keyed=keyed) == expected


def test_a_write_that_was_sent_is_indefinite_and_one_that_was_not_is_definite() -> None:
    """The caller of a write has to know which of the two."""
    assert not told(TookTooLong(), idempotent=False).definite
    assert not told(NoLonger(ErrorSaid(503, None)), idempotent=False).definite
    assert told(TooManyAtOnce(), idempotent=False).definite
    assert told(ErrorSaid(422, None), idempotent=False).definite
    assert told(TookTooLong(), idempotent=True).code == "UPSTREAM_TIMEOUT"


def test_a_bug_stays_a_bug() -> None:
    """It is not turned into the third party's failure."""
    with pytest.raises(ZeroDivisionError):
        told(ZeroDivisionError(), idempotent=True)


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
    """Seconds or a date, no longer than we pass on; what makes no sense was not said."""
    assert retry_after_s({"retry-after": raw}, 300) == expected
