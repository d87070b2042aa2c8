"""The network between any two parts."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, Pair, SameAs
from deploy.failure_modes.references import alert, error, limit, runbook, setting
from holdfast.shared.errors import AcceptanceUnknown

_PARTITION = "make chaos-network-partition"
_PROXY_AWAY = "integration/test_external_api.py::test_without_the_proxy_the_api_has_an_answer_of_its_own"

DEPENDENCY = Dependency(
    "network",
    "The connections between two running parts. The table below lists the pairs.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients="Each side treats the other as gone: see the pair.",
            detected=f"{alert('BreakerOpen')}; {alert('TargetDown')} where Prometheus is cut off too.",
            heals="Connections are made anew, after a probe.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_both.py::test_away",
                "own_resource/test_articles.py::test_the_database_goes_and_comes",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients="Packets vanish and connections stay open: each call ends at its own timeout, each request "
            f"within {setting('api_timeout_s')}.",
            detected=f"{alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals="Entries that were delivered and did not arrive are reclaimed after "
            f"{setting('writer_claim_idle_s')}; a reader without a reply for {limit('READER_SILENCE_MAX_S')} is "
            "restarted.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(_PARTITION, "faults/test_both.py::test_hung"),
        ),
        Mode.SLOW: Failure(
            effect=Effect.SLOWER,
            clients="Answers take longer by the delay; beyond a timeout, same as *hanging*.",
            detected=f"`holdfast_dependency_call_duration_seconds` rises; {alert('BreakerOpen')}.",
            heals="When the network is fast again.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(
                "make chaos-db-slow",
                "make chaos-high-latency",
                "faults/test_database.py::test_slow",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.NOTHING,
            clients="Connections are refused or reset. A reset connection is made anew if nothing was sent; "
            "otherwise same as *gone*.",
            detected=f"{alert('BreakerOpen')}.",
            heals="When connections work again.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_a_connection_reset_in_the_middle_of_an_answer",
                "faults/test_acceptance.py::test_the_only_living_connection_is_in_use",
                "integration/test_http_client.py::test_nobody_there",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="Bytes that do not follow the protocol are an error, never an answer. Use TLS against changed "
            "bytes.",
            detected=f"The log has the reason; {alert('BreakerOpen')}.",
            heals="A connection with an error is not used again.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(
                "integration/test_tls.py::test_a_redis_that_nobody_vouches_for_is_refused",
                "integration/test_http_client.py::test_what_is_no_answer_is_named",
                "integration/test_bad_http.py::test_what_ends_a_connection",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.SLOWER,
            clients="Same as *slow*. Connections and calls in flight are bounded on both sides; more are refused.",
            detected="`holdfast_pool_in_use`, `holdfast_http_requests_in_flight`.",
            heals="When the load falls.",
            person="Add bandwidth, or run fewer replicas per link.",
            proofs=(
                "integration/test_bad_http.py::test_a_flood_of_connections",
                "integration/test_slow_bodies.py::test_only_bodies_that_may_be_large_may_take_long",
                "faults/test_database.py::test_refusing_for_too_many_connections",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.REFUSED,
            clients="A reply is lost after the command took effect. The command is found again by its operation, or "
            f"the answer is indefinite ({error(AcceptanceUnknown)}).",
            detected="The client's next attempt with the same key finds it.",
            heals="The write takes effect once in any case.",
            person="Nothing.",
            proofs=(
                "faults/test_queue.py::test_the_reply_to_an_acceptance_is_lost",
                "faults/test_database.py::test_the_reply_to_a_direct_write_s_commit_is_lost",
                "faults/test_both.py::test_an_acceptance_without_an_answer_is_found_again",
            ),
        ),
        Mode.READ_ONLY: SameAs("network", Mode.HALF_CUT_OFF, "Bytes pass in one direction only."),
        Mode.FLAPPING: Failure(
            effect=Effect.COPIES,
            clients="Same as *gone*, repeatedly.",
            detected=f"{alert('BreakerFlapping')}.",
            heals="Each opening of a breaker lasts longer than the one before; load returns by a ramp.",
            person=f"Follow {runbook('BreakerFlapping')}.",
            proofs=(
                "make load-test-with-failures",
                "make verify",
                "unit/test_breaker_ramp.py::test_after_closing_each_success_makes_room_for_one_more",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.LATER,
            clients="One direction is cut, or only some replicas are cut off. Same as *hanging* for the affected "
            "replicas; the others go on.",
            detected=f"{alert('ConsumerStalled')}, {alert('BreakerOpen')}, for some replicas only (`make "
            "circuit-status`).",
            heals="Same as *hanging*.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(_PARTITION, "faults/test_database.py::test_cut_off_in_one_direction"),
        ),
    },
)


def _pair(one: str, other: str, effect: str, *proofs: str) -> Pair:
    return Pair(one, other, effect, proofs)


#: Which part connects to which, and the effect of a cut. The network policies of deploy/kubernetes allow these pairs.
PAIRS = (
    _pair("client", "api", "The client gets no answer; a retry with the same key finds out what happened.",
          "faults/test_api.py::test_callers_who_go_away_harm_nobody",
          "deploy/test_haproxy.py::test_a_killed_replica_costs_nothing_that_may_be_asked_again"),
    _pair("client", "dlq_admin", "The console is unavailable.",
          "dead_letters/test_command_line.py::test_it_starts_without_the_service"),
    _pair("api", "database", "Reads return copies; writes are queued.",
          "faults/test_database.py::test_cut_off_in_one_direction", _PARTITION),
    _pair("api", "queue", "Writes go to the database.",
          "faults/test_queue.py::test_the_reply_to_an_acceptance_is_lost",
          "faults/test_both.py::test_away"),
    _pair("api", "cache", "Nothing while the database answers.",
          "faults/test_cache.py::test_a_copy_that_the_cache_did_not_take_is_put_again"),
    _pair("api", "external_proxy", "The api returns its last-known answer.", f"{_PROXY_AWAY}[frozen]"),
    _pair("external_proxy", "third party", "external_proxy returns the last good answer.",
          "integration/test_external_faults.py::test_each_fault_has_its_error"),
    _pair("external_proxy", "queue", "It goes on as before; its configuration cannot be changed.",
          "integration/test_external_config.py::test_without_redis_it_goes_on_as_it_was"),
    _pair("external_proxy", "cache", "It has only its own copy.",
          "integration/test_external_faults.py::test_a_default_for_those_who_know_nothing"),
    _pair("writer", "database", "Writes wait.",
          "integration/test_writer_outages.py::test_a_database_that_is_away"),
    _pair("writer", "queue", "Writes wait; delivered entries are reclaimed.", _PARTITION,
          "integration/test_writer_outages.py::test_a_redis_that_froze"),
    _pair("writer", "cache", "Reads renew copies instead.",
          "faults/test_copies.py::test_the_message_is_lost"),
    _pair("dlq_admin", "database", "Letters wait on their stream.",
          "dead_letters/test_indexer.py::test_without_its_database_nothing_leaves_the_stream"),
    _pair("dlq_admin", "queue", "The table answers; replays pause.",
          "dead_letters/test_without_stores.py::test_without_its_queue_what_is_indexed_is_there"),
    _pair("dlq_admin", "cache", "Each replica knows only the alerts that were sent to it.",
          "console/test_alerts.py::test_other_replicas_hear_of_it"),
    _pair("migrate", "database", "The upgrade ends with an error; repeat it.",
          "migrations/test_declarations.py::test_a_declared_table_is_made_and_grows"),
    _pair("Prometheus", "services", "The services look down; clients notice nothing.",
          "rules/test_alerts.py::test_exactly_these_fire"),
    _pair("dlq_admin", "Prometheus", "The live view states that it has no numbers.",
          "console/test_live.py::test_while_prometheus_is_away"),
    _pair("services", "DNS", "Open connections go on.", "faults/test_names.py::test_no_name_is_known"),
    _pair("services", "trace collector", "Traces are dropped.",
          "integration/test_tracing.py::test_a_receiver_that_hangs_holds_nobody_up"),
)  # fmt: skip
