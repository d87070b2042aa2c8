"""The api itself."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, error, metric, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "api",
    "The api has any number of replicas behind a balancer. It keeps nothing that the stores do not have.",
    {
        Mode.GONE: Failure(
            effect=Effect.REFUSED,
            clients="One replica: the balancer retries its requests on another replica, except for an unsafe request "
            f"without a key, which gets {error(errors.AnswerLost)}, indefinite. All replicas: clients get no answer.",
            detected=f"{alert('TargetDown')}, which pages when no replica is left.",
            heals="The supervisor starts it again.",
            person=f"Follow {runbook('TargetDown')}.",
            proofs=(
                "deploy/test_haproxy.py::test_a_killed_replica_costs_nothing_that_may_be_asked_again",
                "deploy/test_haproxy.py::test_a_write_without_a_key_is_not_sent_twice",
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.SLOWER,
            clients="Requests that the replica had taken are retried on another replica with the same key; one write "
            "results.",
            detected=f"Its health check fails; {alert('TargetDown')}.",
            heals="The balancer stops using it. When it resumes, it does no work whose caller has gone.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=("faults/test_api.py::test_one_hung_process_does_not_stop_the_other",),
        ),
        Mode.SLOW: SameAs(
            "CPU",
            Mode.SLOW,
            "The api has no state: it is slow when its machine is slow, or a dependency that it calls.",
        ),
        Mode.ERRORS: Failure(
            effect=Effect.REFUSED,
            clients="A request that hits a bug gets `500` in the envelope; other requests are not affected.",
            detected=f"{metric(metrics.panics)}; {alert('AvailabilityBurnFast')}; the log has the traceback under the "
            "`X-Request-ID`.",
            heals="The process goes on.",
            person=f"Roll the build back: {runbook('AvailabilityBurnFast')}.",
            proofs=(
                "make test-error-scenarios",
                "integration/test_openapi.py::test_the_api_does_what_its_document_says",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="An answer never claims more than happened, wherever the call behind it was cut off.",
            detected=f"{alert('LedgerImbalance')}.",
            heals="A retry with the same key, or the operation, settles an indefinite answer.",
            person="Nothing.",
            proofs=(
                "faults/test_acceptance.py::test_what_is_answered_is_true",
                "integration/test_accepted_is_decodable.py::test_whatever_the_api_accepts_the_codec_decodes",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.REFUSED,
            clients=f"Requests that cannot be served in time get {error(errors.Overloaded)}. Requests beyond a "
            f"client's rate get {error(errors.RateLimited)}. Beyond {setting('http_connections_max')} connections, "
            "only health checks are answered.",
            detected=f"{metric(metrics.requests_shed)}, {metric(metrics.rate_limited)}; "
            f"{alert('AvailabilityBurnFast')}.",
            heals="The limit on requests in flight follows how many end in time.",
            person=f"Add replicas, or find the client that sends too much: {runbook('AvailabilityBurnFast')}.",
            proofs=(
                "unit/test_shed.py::test_who_finds_no_room_is_refused_soon",
                "integration/test_rate_limit.py::test_who_sends_too_much",
                "integration/test_bad_http.py::test_when_there_are_too_many_connections",
                "make chaos-cpu-spike",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. A new process has no copies of its own, no newest version and no leases; it asks the "
            "stores.",
            detected="Not needed.",
            heals="It reads the version floor from the database, and copies from the cache.",
            person="Nothing.",
            proofs=(
                "integration/test_version_floor.py::test_a_queue_that_lost_its_memory_gives_versions_above_all_rows",
                "faults/test_copies.py::test_the_cache_is_back_with_what_it_had",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.REFUSED,
            clients=f"The api refuses writes on purpose when the backlog is too long: {error(errors.WriteBacklog)}, "
            "definite; reads work as usual. The backlog of one entity blocks writes to that entity only.",
            detected=f"{metric(metrics.backpressure)}; {alert('PipelineStale')}.",
            heals="The api takes writes again when the backlog is short.",
            person=f"Find out why writers do not keep up: {runbook('PipelineStale')}.",
            proofs=(
                "integration/test_api_backlog.py::test_a_long_backlog_refuses_until_it_is_short",
                "integration/test_api_backlog.py::test_one_locked_row_closes_the_shop_for_its_user_only",
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Same as *gone*, repeatedly; nothing acknowledged is lost.",
            detected=f"{alert('TargetDown')}.",
            heals="The supervisor starts it again.",
            person=f"Read in its log why it ends: {runbook('TargetDown')}.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "make verify",
            ),
        ),
        Mode.HALF_CUT_OFF: Impossible(
            "a replica that is cut off from one store goes on with the others, and each store has its own section "
            "here. A client that does not reach a replica goes to another one.",
            ("faults/test_api.py::test_callers_who_go_away_harm_nobody",),
        ),
    },
)
