"""Wording: turns a decision and its numbers into a sentence. Pure. A missing number is shown as `?`, because another
build may have written the decision."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.shared.resilience.breaker.refusal import Refusal
from holdfast.shared.resilience.breaker.snapshot import Why
from holdfast.shared.resilience.retry_rules import Suppressed
from holdfast.shared.telemetry.logs import Action


class _Numbers(defaultdict[str, Any]):
    """The numbers of one decision; a missing one is `?`."""

    def __init__(self, numbers: Mapping[str, Any]) -> None:
        super().__init__(lambda: "?", {name: value for name, value in numbers.items() if value is not None})


def sentence(decision: Mapping[str, Any]) -> str:
    """Return what was decided, and on what grounds."""
    say = SAYS.get(decision.get("action", ""))
    try:
        return say(_Numbers(decision)) if say else f"{decision.get('action', '?')}."
    except (TypeError, ValueError, LookupError, ArithmeticError):
        return f"{decision['action']}, with numbers that another build wrote."


def _refused(it: _Numbers) -> str:
    name, wait = it["breaker"], f"again in {it['retry_after_s']} s"
    match it["refusal"]:
        case Refusal.OPEN:
            return f"The breaker {name} is open since {it['open_for_s']} s ({_grounds(it)}): not called, {wait}."
        case Refusal.FORCED_OPEN:
            return f"An operator holds the breaker {name} open: not called, {wait}."
        case Refusal.PROBING:
            return f"The breaker {name} is trying whether it works again, with other calls: not called, {wait}."
        case Refusal.RAMPING:
            return f"The breaker {name} has just closed and lets only a share through: not called."
        case Refusal.THROTTLED:
            return f"What is behind the breaker {name} has asked to be left alone: not called, {wait}."
        case _:
            return f"The breaker {name} did not let the call through ({it['refusal']})."


def _grounds(it: _Numbers) -> str:
    if it["why"] == Why.UNREACHABLE_IN_A_ROW:
        return f"not reached {it['unreachable_in_a_row']} times in a row"
    if it["why"] == Why.FAILURES_IN_A_ROW:
        return f"{it['failures_in_a_row']} calls failed in a row"
    if it["why"] == Why.PROBE_FAILED:
        return "the probe failed"
    if it["why"] == Why.SLOW_SHARE:
        return f"{it['slow']} of {it['calls']} calls slow"
    if it["why"] == Why.FAILURE_SHARE:
        return f"{it['failures']} of {it['calls']} calls failed"
    return f"{it['why']}, {it['failures']} of {it['calls']} calls failed"


def _suppressed(it: _Numbers) -> str:
    again = f"Attempt {it['attempt']} of {it['most']} at {it['dependency']} failed, and no other was made: "
    match it["why"]:
        case Suppressed.BUDGET:
            return again + f"the retry budget has {it['budget']} tokens, and one costs 1."
        case Suppressed.DEADLINE:
            return again + f"{it['left_ms']} ms were left, too few for a pause of {it['pause_ms']} ms and an attempt."
        case Suppressed.UNSAFE:
            return again + "it may have taken effect, and a second one might do so too."
        case Suppressed.OPEN:
            return again + "its breaker has opened meanwhile."
        case _:
            return again + f"{it['why']}."


def _shed(it: _Numbers) -> str:
    if it["reason"] == "in_flight":
        return f"No room among the {it['lane']}: {it['in_flight']} of {it['limit']} under way."
    return f"The event loop was {it['late_ms']} ms late: {it['share']} of the {it['lane']} are turned away."


def _fallback(it: _Numbers) -> str:
    age = f", {it['age_s']} s old" if "age_s" in it else ""
    return f"Answered from {it['source']}{age}, instead of {it['instead_of']}."


def _write(it: _Numbers) -> str:
    if it["result"] in ("accepted", "repeated"):
        first = "Accepted" if it["result"] == "accepted" else "Sent before, and accepted then,"
        return f"{first} as operation {it['operation_id']}, version {it['version']}, entry {it['entry_id']}."
    return f"Not accepted: {it['result']} (operation {it['operation_id']})."


def _not_taken(it: _Numbers) -> str:
    did = "did not take" if it["definite"] is True else "did not say whether it took"
    return f"The queue {did} operation {it['operation_id']} ({it['code']}): to the database directly."


def _held_back(it: _Numbers) -> str:
    return (
        f"Too much is waiting: {it['depth']} of {it['depth_max']} writes on the stream, and a new one"
        f" would wait for {it['wait_s']} s of {it['wait_max_s']} s; {it['drained_per_s']} leave it a second."
    )


def _error(it: _Numbers) -> str:
    definite = "it did not happen" if it["definite"] is True else "it may have happened"
    again = "worth trying again" if it["retryable"] is True else "no use trying again"
    return f"Answered {it['code']}, status {it['status']}: {definite}, {again}."


#: Sentences by action. A test compares their numbers with those that the code records.
SAYS: dict[str, Callable[[_Numbers], str]] = {
    Action.CALL_REFUSED: _refused,
    Action.CALL_FAILED: lambda it: (
        f"A call through the breaker {it['breaker']} ended with {it['error']} after {it['took_ms']} ms; it counts as"
        f" {it['judged']}."
    ),
    Action.RETRIED: lambda it: (
        f"Attempt {it['attempt']} of {it['most']} at {it['dependency']} after a pause of {it['pause_ms']} ms; the retry"
        f" budget has {it['budget']} tokens left."
    ),
    Action.RETRY_SUPPRESSED: _suppressed,
    Action.RATE_COUNTED: lambda it: (
        f"Within the rate limit {it['policy']}: {it['left']} of {it['burst']} left, {it['per_min']} a minute,"
        f" counted by {it['counted_by']}."
    ),
    Action.RATE_LIMITED: lambda it: (
        f"Above the rate limit {it['policy']} of {it['per_min']} a minute (at most {it['burst']} at once), counted by"
        f" {it['counted_by']}: the next in {it['next_in_s']} s."
    ),
    Action.REQUEST_SHED: _shed,
    Action.FALLBACK_SERVED: _fallback,
    Action.NO_COPY: lambda it: (
        f"The copy was {it['age_s']} s old, older than {it['age_max_s']} s: not served."
        if "age_s" in it
        else f"No copy of this {it['of']} is kept."
    ),
    Action.WRITE_ANSWERED: _write,
    Action.WRITE_NOT_TAKEN: _not_taken,
    Action.WRITE_DIRECT: lambda it: (
        f"Applied by the database directly: operation {it['operation_id']}, version {it['version']}, {it['result']}."
    ),
    Action.WRITES_HELD_BACK: _held_back,
    Action.WRITE_WAITED_FOR: lambda it: (
        f"Waited for its end, at most {it['at_most_s']} s: {'it came' if it['over'] is True else 'it did not come'}."
    ),
    Action.PROXY_ANSWERED: lambda it: (
        f"external_proxy answered {it['status']}" + (f", degraded: {it['degraded']}." if "degraded" in it else ".")
    ),
    Action.ERROR_ANSWERED: _error,
    Action.DEADLINE_EXCEEDED: lambda it: f"The answer was due after {it['limit_ms']} ms, and was not there.",
}
