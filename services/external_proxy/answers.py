"""Answers: decides what the third party's answers and failures mean for its breaker, for a retry, and for our client.
Pure, except for the clock that a `Retry-After` date is compared with."""

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import ceil

from holdfast.shared import errors
from holdfast.shared.errors import AppError
from holdfast.shared.http.client import BadAnswer, NotReached, TookTooLong, TooManyAtOnce
from holdfast.shared.resilience.breaker.refusal import CallRefused, Refusal
from holdfast.shared.resilience.breaker.verdict import Judgement, Throttled, Verdict
from holdfast.shared.resilience.retry_rules import RetryAllowed, RetryDecision, Suppressed

_SECONDS = re.compile(r"[0-9]+")
_THROTTLED_S = 1.0

#: The message of an open breaker.
_AWAY = "Third-party service temporarily unavailable"
_BY_US, _BY_THEM = "external_proxy", "third_party"

#: Errors of requests that were sent, and may have taken effect.
_SENT = (errors.UpstreamTimeout, errors.UpstreamUnreachable, errors.UpstreamInvalidAnswer, errors.UpstreamFailed)
#: Kinds of bad answer that a retry would meet again, at the same cost.
_ALWAYS_BAD = {"too_large", "too_deep", "encoding"}


class ErrorStatus(Exception):
    """The third party answered with an error status, or a redirect."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class RetryRefused(Exception):
    """The breaker refused a retry, for `retry_after_s` seconds; `earlier` is the error of the attempt before."""

    def __init__(self, earlier: Exception, retry_after_s: float = 0.0) -> None:
        super().__init__(str(earlier))
        self.earlier = earlier
        self.retry_after_s = retry_after_s


def retry_after_s(headers: Mapping[str, str], longest_s: float) -> float | None:
    """Return the seconds of `Retry-After`, which is a number or a date, at most `longest_s`; None if the header is
    missing or invalid."""
    raw = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(raw):
        return min(float(raw), longest_s)
    try:
        date = parsedate_to_datetime(raw)
        at = date.replace(tzinfo=date.tzinfo or UTC)  # one of HTTP's three forms of a date names no zone, and means UTC
        return min(max(0.0, at.timestamp() - time.time()), longest_s)
    except (ValueError, TypeError, OverflowError):
        return None


def judgement(error: Exception) -> Judgement:
    """Return what an error shows about the third party."""
    match error:
        case ErrorStatus(status=429, retry_after_s=wait_s):
            return Throttled(wait_s or 0.0)  # without a time, only this request has to wait, and not all requests
        case ErrorStatus(status=status) if 400 <= status < 500 and status != 408:
            return Verdict.SUCCESS  # the third party works, and refused this request
        case NotReached() | TookTooLong():
            return Verdict.UNREACHABLE
        case TooManyAtOnce():
            return Verdict.NEUTRAL
        case _:
            return Verdict.FAILURE


def retry_decision(error: Exception, *, idempotent: bool, keyed: bool) -> RetryDecision:
    """Decide whether to retry after an error. `idempotent`: the request is idempotent by its method; `keyed`: it has an
    Idempotency-Key."""
    wait_s: float | None = None
    match error:
        case RetryRefused():
            return Suppressed.OPEN
        case ErrorStatus(status=429, retry_after_s=asked_s):
            wait_s = _THROTTLED_S if asked_s is None else asked_s
        case ErrorStatus(status=408 | 502 | 503 | 504, retry_after_s=asked_s):
            wait_s = asked_s
        case ErrorStatus(status=500) if idempotent:
            pass
        case BadAnswer(why=why) if why not in _ALWAYS_BAD:
            pass
        case NotReached() | TookTooLong():
            pass
        case _:
            return None
    return RetryAllowed(wait_s) if idempotent or keyed else Suppressed.UNSAFE


def answer_to(error: Exception, *, idempotent: bool, earlier: Iterable[Exception] = ()) -> AppError:
    """Return the error that our client gets. `earlier`: how the attempts before ended. A write may have taken effect if
    one of its attempts was sent and not clearly refused, whatever the last attempt was."""
    answer = _app_error(error.earlier if isinstance(error, RetryRefused) else error)
    if isinstance(error, RetryRefused):
        answer.retry_after_s = max(answer.retry_after_s or 0, ceil(error.retry_after_s)) or None
    if not idempotent:
        for each in (answer, *map(_app_error, earlier)):
            if isinstance(each, _SENT):
                details = (each.details or {}) | {"cause": each.code}
                return errors.UpstreamOutcomeUnknown(details=details, retry_after_s=answer.retry_after_s)
    return answer


def _app_error(error: Exception) -> AppError:
    match error:
        case CallRefused(refusal=Refusal.THROTTLED, retry_after_s=wait_s):
            return errors.UpstreamThrottled(details={"origin": _BY_US}, retry_after_s=ceil(wait_s))
        case CallRefused(retry_after_s=wait_s):
            return errors.CircuitOpen(_AWAY, details={"origin": _BY_US}, retry_after_s=max(1, ceil(wait_s)))
        case TooManyAtOnce():
            return errors.ProxyBusy(details={"origin": _BY_US})
        case TookTooLong():
            return errors.UpstreamTimeout(details={"origin": _BY_US})
        case NotReached():
            return errors.UpstreamUnreachable(details={"origin": _BY_US})
        case BadAnswer(why=why):
            return errors.UpstreamInvalidAnswer(details={"origin": _BY_THEM, "why": why})
        case ErrorStatus(status=429, retry_after_s=wait_s):
            return errors.UpstreamThrottled(details={"origin": _BY_THEM, "status": 429}, retry_after_s=_whole(wait_s))
        case ErrorStatus(status=status) if 400 <= status < 500 and status != 408:
            return errors.UpstreamRefused(details={"origin": _BY_THEM, "status": status})
        case ErrorStatus(status=status, retry_after_s=wait_s):
            return errors.UpstreamFailed(details={"origin": _BY_THEM, "status": status}, retry_after_s=_whole(wait_s))
        case _:
            raise error


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else ceil(seconds)
