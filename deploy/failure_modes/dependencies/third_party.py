"""The third party behind external_proxy."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, measured, metric, runbook
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_EACH = "integration/test_external_faults.py::test_each_fault_has_its_error"
_LAST_GOOD = "`/external-api` returns the last good answer, marked with its age"
_HEALS = "The breaker sends one probe at a time; after it closes, load returns by a ramp."
_THEIRS = f"Its owner has to mend it: {runbook('BreakerOpen')}."

DEPENDENCY = Dependency(
    "third party",
    "A service outside Holdfast, called by external_proxy only. No other part of Holdfast depends on it.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, else the configured default, else {error(errors.UpstreamUnreachable)}.",
            detected=f"external_proxy's breaker opens; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(
                _EACH,
                "integration/test_external_breaker.py::test_it_opens_spares_the_third_party_and_heals_by_itself",
                "integration/test_external_faults.py::test_a_default_for_those_who_know_nothing",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, within the caller's deadline; else {error(errors.UpstreamTimeout)}. Requests for "
            "users are served as usual.",
            detected=f"{metric(metrics.dependency_call_duration)} shows timeouts; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(
                _EACH,
                "integration/test_external_faults.py::test_a_caller_in_haste_is_answered_in_its_time",
                "make chaos-high-latency",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.COPIES,
            clients="Answers are slower; beyond the attempts' timeouts, same as *hanging*.",
            detected=f"{metric(metrics.dependency_call_duration)} rises, and the breaker opens when most calls are "
            "slow.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(_EACH, "make chaos-high-latency"),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, else {error(errors.UpstreamFailed)} or {error(errors.UpstreamRefused)}.",
            detected=f"external_proxy's breaker opens after {measured('third-party-failing', 'detect')}; "
            f"{alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(
                _EACH,
                "integration/test_external_faults.py::test_the_last_good_answer_says_that_it_is_old",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.COPIES,
            clients=f"An answer that is not complete JSON is not passed on: {_LAST_GOOD}, else "
            f"{error(errors.UpstreamInvalidAnswer)}. Valid JSON is passed on byte for byte, and believed.",
            detected=f"{metric(metrics.http_errors)} counts errors by code; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(
                "integration/test_external_bytes.py::test_what_is_no_json_is_an_error_of_the_third_party",
                "integration/test_http_client.py::test_what_is_no_answer_is_named",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, else {error(errors.UpstreamThrottled)} with the time that the third party asked "
            "for.",
            detected=f"{metric(metrics.http_errors)} counts errors by code; the breaker shows how long it is "
            "throttled.",
            heals="Nothing is sent before the time that the third party asked for, within a limit. Retries are paid "
            "for by first attempts.",
            person="Lower the rate, or raise the quota.",
            proofs=(
                "integration/test_external_breaker.py::test_a_throttled_third_party_is_left_alone_as_long_as_it_asked",
                "integration/test_external_faults.py::test_without_budget_nothing_is_sent_twice",
                "make benchmark-error-rates",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="If the third party forgets an `Idempotency-Key`, a retried call happens twice there; no promise "
            "covers this. Without a key, no unsafe call is retried.",
            detected="Only the third party's own records show it.",
            heals="Not by itself.",
            person="Compare with the third party's records: each attempt carries `X-Request-ID` and its number.",
            proofs=(
                "integration/test_external_faults.py::test_a_write_without_a_key_is_sent_once",
                "integration/test_external_faults.py::test_a_write_with_a_key_is_sent_again_and_happens_once",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.REFUSED,
            clients="Reads work as usual; writes get the third party's error.",
            detected=f"Reads and writes have separate breakers; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=("integration/test_external_breaker.py::test_reads_and_writes_have_breakers_of_their_own",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Retries hide short faults; longer faults are the same as *answering errors*.",
            detected=f"{alert('RetryStorm')}, {alert('BreakerFlapping')}.",
            heals="Retries add at most a tenth to the calls.",
            person=f"Follow {runbook('BreakerFlapping')}.",
            proofs=(
                "integration/test_external_faults.py::test_a_short_fault_is_not_noticed",
                "integration/test_external_faults.py::test_a_share_of_failures_is_not_noticed",
                "make load-test-with-failures",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.REFUSED,
            clients="The third party carries out the call, and its answer is lost. With a key, the call is retried; "
            f"without a key, the answer is {error(errors.UpstreamOutcomeUnknown)}, indefinite.",
            detected=f'{metric(metrics.retries_suppressed)} counts `reason="unsafe"`.',
            heals="When answers arrive again.",
            person="Nothing, unless callers report it.",
            proofs=(
                "integration/test_external_faults.py::test_a_write_without_a_key_is_sent_once",
                "integration/test_external_faults.py::test_a_write_with_a_key_is_sent_again_and_happens_once",
            ),
        ),
    },
)
