"""The third party behind external_proxy."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, measured, metric, runbook
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_EACH = "integration/test_external_faults.py::test_each_fault_has_its_error"
_LAST_GOOD = "`/external-api`: the last good answer, marked with its age"
_HEALS = "One probe at a time; after closing, load returns by a ramp."
_THEIRS = f"It is theirs to mend: {runbook('BreakerOpen')}."

DEPENDENCY = Dependency(
    "third party",
    "Somebody else's service, called by external_proxy only. Nothing else of Holdfast depends on it.",
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
            clients=f"{_LAST_GOOD}, within the caller's time; else {error(errors.UpstreamTimeout)}. Users are served "
            "as usual.",
            detected=f"{metric(metrics.dependency_call_duration)} with timeouts; {alert('BreakerOpen')}.",
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
            clients="Slower; beyond the attempts' limits as hanging.",
            detected=f"{metric(metrics.dependency_call_duration)}; the breaker opens when most calls are slow.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(_EACH, "make chaos-high-latency"),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, else {error(errors.UpstreamFailed)} or {error(errors.UpstreamRefused)}.",
            detected=f"Its breaker opens, measured after {measured('third-party-failing', 'detect')}; "
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
            clients=f"What is not whole JSON is {error(errors.UpstreamInvalidAnswer)}, or {_LAST_GOOD}. Valid JSON is "
            "passed on byte for byte, and believed.",
            detected=f"{metric(metrics.http_errors)} by code; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=(
                "integration/test_external_bytes.py::test_what_is_no_json_is_an_error_of_the_third_party",
                "integration/test_http_client.py::test_what_is_no_answer_is_named",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.COPIES,
            clients=f"{_LAST_GOOD}, else {error(errors.UpstreamThrottled)} with the time that it asked for.",
            detected=f"{metric(metrics.http_errors)} by code; the breaker says until when it is throttled.",
            heals="Nothing is sent before the time that it asked for, within a limit; retries are paid for by first "
            "attempts.",
            person="Lower the rate, or raise the quota.",
            proofs=(
                "integration/test_external_breaker.py::test_a_throttled_third_party_is_left_alone_as_long_as_it_asked",
                "integration/test_external_faults.py::test_without_budget_nothing_is_sent_twice",
                "make benchmark-error-rates",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="If it forgets an `Idempotency-Key`, a repeated call happens twice there: not promised. Without a "
            "key nothing unsafe is repeated.",
            detected="By its own records only.",
            heals="Not by itself.",
            person="Compare with its records: each attempt carries `X-Request-ID` and its number.",
            proofs=(
                "integration/test_external_faults.py::test_a_write_without_a_key_is_sent_once",
                "integration/test_external_faults.py::test_a_write_with_a_key_is_sent_again_and_happens_once",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.REFUSED,
            clients="Reads as usual; writes of it get its error.",
            detected=f"Reads and writes have breakers of their own; {alert('BreakerOpen')}.",
            heals=_HEALS,
            person=_THEIRS,
            proofs=("integration/test_external_breaker.py::test_reads_and_writes_have_breakers_of_their_own",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Short faults are retried away; longer ones as answering errors.",
            detected=f"{alert('RetryStorm')}, {alert('BreakerFlapping')}.",
            heals="Retries cost at most a tenth more calls.",
            person=f"{runbook('BreakerFlapping')}.",
            proofs=(
                "integration/test_external_faults.py::test_a_short_fault_is_not_noticed",
                "integration/test_external_faults.py::test_a_share_of_failures_is_not_noticed",
                "make load-test-with-failures",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.REFUSED,
            clients=f"It did the call and its answer is lost: with a key it is repeated, without one "
            f"{error(errors.UpstreamOutcomeUnknown)}, indefinite.",
            detected=f'{metric(metrics.retries_suppressed)} with `reason="unsafe"`.',
            heals="By itself.",
            person="Nothing, unless callers report it.",
            proofs=(
                "integration/test_external_faults.py::test_a_write_without_a_key_is_sent_once",
                "integration/test_external_faults.py::test_a_write_with_a_key_is_sent_again_and_happens_once",
            ),
        ),
    },
)
