"""external_proxy."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, error, limit, metric, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_OWN = "`/external-api` returns the api's own last-known answer, marked, else "
_AWAY = "integration/test_external_api.py::test_without_the_proxy_the_api_has_an_answer_of_its_own"

DEPENDENCY = Dependency(
    "external_proxy",
    "The service that calls the third party. The api needs it for `/external-api` only.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients=f"{_OWN}{error(errors.ProxyUnavailable)}. Requests for users are served as usual.",
            detected=f"{alert('TargetDown')}, {alert('BreakerOpen')}.",
            heals="The supervisor starts it. Before its first call, it has the last good answer and its configuration.",
            person=f"Follow {runbook('TargetDown')}.",
            proofs=(
                f"{_AWAY}[killed]",
                "integration/test_external_api.py::test_a_proxy_that_was_never_there",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients=f"The first calls take the caller's whole time; after that, same as *gone*: {_OWN}`503`.",
            detected=f"{alert('BreakerOpen')}, {alert('TargetDown')}.",
            heals="The api's breaker probes it, and closes when it answers.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=(f"{_AWAY}[frozen]",),
        ),
        Mode.SLOW: SameAs(
            "third party",
            Mode.SLOW,
            "external_proxy is as slow as the third party; the api's timeout for it is longer.",
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="Errors of external_proxy reach clients unchanged. An invalid configuration is refused.",
            detected=f"{metric(metrics.external_config_refused)}; {alert('BreakerOpen')}.",
            heals="The last good configuration stays in force.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(
                "integration/test_external_config.py::test_nonsense_in_redis_leaves_the_last_good_one",
                "integration/test_external_config.py::test_nonsense_is_refused_whole",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.COPIES,
            clients=f"An answer from something else at its address is not believed: {error(errors.ProxyUnavailable)}.",
            detected=f"{alert('BreakerOpen')}.",
            heals="When the right service answers.",
            person="Check which service answers at `HOLDFAST_API_EXTERNAL_PROXY_URL`.",
            proofs=("integration/test_external_api.py::test_something_else_at_the_proxys_address_is_not_believed",),
        ),
        Mode.FULL: Failure(
            effect=Effect.COPIES,
            clients=f"A call beyond {setting('api_external_in_flight_max')} calls in flight gets "
            f"{error(errors.ProxyBusy)} or the last-known answer.",
            detected=f"{metric(metrics.http_errors)} counts errors by code.",
            heals="Each answer frees a place.",
            person="Add replicas of external_proxy.",
            proofs=("integration/test_external_api.py::test_a_call_too_many_is_not_made",),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing: the last good answer, for up to "
            f"{limit('EXTERNAL_COPY_KEPT_S')}, and the configuration are in Redis too.",
            detected=f"{metric(metrics.external_config_version)}.",
            heals="It reads both when it starts.",
            person="Nothing.",
            proofs=(
                "integration/test_external_api.py::test_the_last_good_answer_survives_a_restart_of_the_proxy",
                "integration/test_external_config.py::test_a_restart_keeps_the_configuration",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Without Redis, no change of its configuration is accepted, and none is lost.",
            detected="`PUT /config` is refused.",
            heals="When Redis is back.",
            person="Repeat the change.",
            proofs=("integration/test_external_config.py::test_without_redis_it_goes_on_as_it_was",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.COPIES,
            clients="Clients get fresh and last-known answers in turn.",
            detected=f"{alert('BreakerFlapping')}, {alert('TargetDown')}.",
            heals="Each opening of the api's breaker lasts longer than the one before.",
            person=f"Read in its log why it ends: {runbook('BreakerFlapping')}.",
            proofs=(
                f"{_AWAY}[killed]",
                "unit/test_breaker_machine.py::"
                "test_open_time_doubles_up_to_a_minute_and_is_forgiven_after_a_calm_window",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="An answer that stops halfway counts as no answer: same as *hanging*.",
            detected=f"{alert('BreakerOpen')}.",
            heals="When whole answers arrive again.",
            person=f"Check the network between the two: {runbook('BreakerOpen')}.",
            proofs=(
                "integration/test_http_client.py::test_silence_ends_with_the_time",
                "integration/test_http_client.py::test_a_body_that_ends_too_soon",
            ),
        ),
    },
)
