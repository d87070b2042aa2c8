"""external_proxy."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, error, limit, metric, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_OWN = "`/external-api`: the api's own last-known answer, marked, else "
_AWAY = "integration/test_external_api.py::test_without_the_proxy_the_api_has_an_answer_of_its_own"

DEPENDENCY = Dependency(
    "external_proxy",
    "The service that calls the third party. The api needs it for `/external-api` only.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients=f"{_OWN}{error(errors.ProxyUnavailable)}. Users are served as usual.",
            detected=f"{alert('TargetDown')}, {alert('BreakerOpen')}.",
            heals="The supervisor starts it; it has the last good answer and its configuration before its first call.",
            person=f"{runbook('TargetDown')}.",
            proofs=(
                f"{_AWAY}[killed]",
                "integration/test_external_api.py::test_a_proxy_that_was_never_there",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients=f"The first calls take the caller's time, then as gone: {_OWN}`503`.",
            detected=f"{alert('BreakerOpen')}, {alert('TargetDown')}.",
            heals="The api's breaker asks again by itself.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=(f"{_AWAY}[frozen]",),
        ),
        Mode.SLOW: SameAs(
            "third party", Mode.SLOW, "It is as slow as what it calls; the api's limit for it is longer."
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="Its own errors come through as they are. A configuration that makes no sense is not taken.",
            detected=f"{metric(metrics.external_config_refused)}; {alert('BreakerOpen')}.",
            heals="The last good configuration stays in force.",
            person=f"{runbook('BreakerOpen')}.",
            proofs=(
                "integration/test_external_config.py::test_nonsense_in_redis_leaves_the_last_good_one",
                "integration/test_external_config.py::test_nonsense_is_refused_whole",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.COPIES,
            clients=f"Something else at its address is not believed: {error(errors.ProxyUnavailable)}.",
            detected=f"{alert('BreakerOpen')}.",
            heals="When the right one answers.",
            person="`HOLDFAST_API_EXTERNAL_PROXY_URL`: what is there?",
            proofs=("integration/test_external_api.py::test_something_else_at_the_proxys_address_is_not_believed",),
        ),
        Mode.FULL: Failure(
            effect=Effect.COPIES,
            clients=f"Beyond {setting('api_external_in_flight_max')} calls at once: {error(errors.ProxyBusy)} or the "
            "last-known answer.",
            detected=f"{metric(metrics.http_errors)} by code.",
            heals="A place comes free with each answer.",
            person="More replicas of it.",
            proofs=("integration/test_external_api.py::test_a_call_too_many_is_not_made",),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing: the last good answer, for up to "
            f"{limit('EXTERNAL_COPY_KEPT_S')}, and the configuration are in Redis too.",
            detected=f"{metric(metrics.external_config_version)}.",
            heals="It reads both at its start.",
            person="Nothing.",
            proofs=(
                "integration/test_external_api.py::test_the_last_good_answer_survives_a_restart_of_the_proxy",
                "integration/test_external_config.py::test_a_restart_keeps_the_configuration",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Without Redis no change of its configuration is taken, and none is lost.",
            detected="The refused `PUT /config`.",
            heals="By itself, with Redis.",
            person="Repeat the change.",
            proofs=("integration/test_external_config.py::test_without_redis_it_goes_on_as_it_was",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.COPIES,
            clients="Fresh and last-known answers in turn.",
            detected=f"{alert('BreakerFlapping')}, {alert('TargetDown')}.",
            heals="Each opening of the api's breaker lasts longer.",
            person=f"Its log says why it ends: {runbook('BreakerFlapping')}.",
            proofs=(
                f"{_AWAY}[killed]",
                "unit/test_breaker_machine.py::"
                "test_open_time_doubles_up_to_a_minute_and_is_forgiven_after_a_calm_window",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="An answer that stops halfway is none: as hanging.",
            detected=f"{alert('BreakerOpen')}.",
            heals="By itself.",
            person=f"The network between: {runbook('BreakerOpen')}.",
            proofs=(
                "integration/test_http_client.py::test_silence_ends_with_the_time",
                "integration/test_http_client.py::test_a_body_that_ends_too_soon",
            ),
        ),
    },
)
