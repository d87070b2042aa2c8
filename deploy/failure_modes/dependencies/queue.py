"""The queue Redis."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, limit, measured, metric, page, runbook, setting
from holdfast.shared.errors import OrderUnknown, QueueFull, QueueUnavailable
from holdfast.shared.telemetry import metrics

_DIRECT = "Writes go straight to the database: `201`."

DEPENDENCY = Dependency(
    "queue",
    "The queue Redis. It holds writes that have not ended, dead letters that are not indexed yet, and idempotency "
    "keys.",
    {
        Mode.GONE: Failure(
            effect=Effect.REFUSED,
            clients=f"{_DIRECT} Conditional writes, and changes of an entity that the database does not know, are "
            f"refused: {error(OrderUnknown)}. A request for what only the queue knows gets {error(QueueUnavailable)}. "
            "Reads work as usual.",
            detected=f"The api's breaker opens after {measured('queue-killed', 'detect')}. {alert('TargetDown')}, "
            f"{alert('BreakerOpen')}, {alert('HeartbeatStale')}.",
            heals=f"The api probes within {limit('PROBE_EVERY_S')}; writers reconnect by themselves.",
            person=f"Start the queue: {runbook('BreakerOpen')}, {page('operations/outages.md', 'outages')}.",
            proofs=(
                "faults/test_queue.py::test_writes_go_to_the_database[kill]",
                "faults/test_queue.py::test_what_only_the_queue_knows_is_not_guessed",
                "integration/test_writer_outages.py::test_a_restarted_redis",
                "make test-redis-down",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.SLOWER,
            clients=f"The first writes wait for {setting('redis_timeout_s', 'api')}; after that, same as *gone*. A "
            "write that reached both the database and the queue is applied once.",
            detected=f"Same as *gone*. A reader that receives nothing for {limit('READER_SILENCE_MAX_S')} is "
            f"restarted, and {metric(metrics.consumer_restarts)} counts this. {alert('BreakerOpen')}, "
            f"{alert('PipelineStale')}.",
            heals="Entries that were delivered while the queue hung are reclaimed. No process is restarted.",
            person=f"Check its disk (each write waits for an fsync) and its host: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_queue.py::test_writes_go_to_the_database[freeze]",
                "faults/test_queue.py::test_a_write_that_reached_a_frozen_queue_as_well_is_done_once",
                "integration/test_writer_outages.py::test_a_redis_that_froze",
                "integration/test_liveness.py::test_an_outage_longer_than_the_limit_restarts_nobody",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.SLOWER,
            clients="Writes take longer by the queue's delay; writes that wait at the same time share a round trip. "
            "Beyond the timeout, same as *hanging*.",
            detected=f"{metric(metrics.accept_duration)} rises, and the breaker opens when most calls are slow: "
            f"{alert('BreakerOpen')}.",
            heals="When the queue is fast again.",
            person=f"Check its disk and its load: {runbook('BreakerOpen')}.",
            proofs=("make chaos-high-latency", "unit/test_breaker_machine.py::test_slow_calls_open_it"),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.NOTHING,
            clients="A refusal before the script runs is definite, so the database can take the write: `201`. An "
            "error from inside the script does not count as a refusal.",
            detected=f"The log and `/health` show `loop_failing` with Redis' own text. {alert('LoopCrashing')}, "
            f"{alert('HeartbeatStale')}.",
            heals="All loops retry, and log when they have recovered.",
            person=f"Mend the password, the right or the type of the key: {runbook('LoopCrashing')}.",
            proofs=(
                "faults/test_refused.py::test_a_wrong_password",
                "faults/test_refused.py::test_a_missing_right",
                "faults/test_refused.py::test_a_key_of_another_type",
                "faults/test_acceptance.py::test_what_is_answered_is_true",
                "integration/test_own_errors.py::test_an_error_behind_the_entry_is_no_refusal",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="Made-up ids, versions and clocks are recognised. An entry that cannot be a write becomes a dead "
            "letter, and its neighbours are applied.",
            detected=f"The log has `stream_mended`; {alert('DeadLettersGrowing')}, {alert('OrphansAdopted')}.",
            heals="Entries with impossible ids get new ids; entries in no pending list are handed out again.",
            person=f"Find out what else writes to the stream. {page('security.md', 'Rights')} prevent it. "
            f"{runbook('OrphansAdopted')}.",
            proofs=(
                "integration/test_runaway_ids.py::test_junk_ids_poison_nothing",
                "integration/test_version_floor.py::test_junk_by_hand_harms_nobody",
                "integration/test_orphans.py::test_entries_in_nobodys_pending_list_are_applied",
                "integration/test_writer_dead_letters.py::test_an_undecodable_entry_is_dead_lettered_verbatim",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.REFUSED,
            clients=f"Full memory: writes are refused with a definite {error(QueueFull)}; reads work as usual. Full "
            "disk: Redis ends; same as *gone*.",
            detected=f"{metric(metrics.http_errors)} counts refusals by code. {alert('AvailabilityBurnFast')}, "
            f"{alert('TargetDown')}.",
            heals="Nothing is evicted. Writers go on, and thereby make room. After a full disk, Redis starts with "
            "what it had.",
            person="Raise `maxmemory`, free disk space, or find out why the backlog grows: "
            f"{runbook('PipelineStale')}.",
            proofs=(
                "faults/test_queue.py::test_full",
                "faults/test_queue_refuses.py::test_its_disk_is_full",
                "make chaos-memory-pressure",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="Queued writes are gone, unless replicas have them (`HOLDFAST_QUEUE_REPLICAS`); their operations "
            "are `lost`. New writes get versions above all rows; while the database is down, new writes are refused "
            "until its version floor is known. A reused idempotency key leads to its operation, if that operation "
            "was applied.",
            detected="A consumer group has vanished, or the queue lacks entries that were seen on it: "
            f"{alert('MessageLoss')}. `make ledger` counts the lost writes.",
            heals="Groups are made anew, and external_proxy writes its configuration back. A replayed letter whose "
            "entry vanished is `lost`: the letter is dead as before.",
            person=f"Find out what happened to Redis before it takes more writes: {runbook('MessageLoss')}.",
            proofs=(
                "integration/test_writer_outages.py::test_a_flushed_redis",
                "integration/test_writer_halted.py::test_it_goes_on_when_its_group_went_with_what_it_kept",
                "integration/test_version_floor.py::test_a_queue_that_lost_its_memory_gives_versions_above_all_rows",
                "integration/test_version_floor.py::test_without_clock_and_database_nothing_is_accepted",
                "faults/test_keys.py::test_met_again_when_applied",
                "replays/test_every_letter_ends.py::test_an_entry_that_vanishes",
                "observed/test_epochs.py::test_the_ledger_names_the_loss",
                "observed/test_epoch_histories.py"
                "::test_a_queue_that_is_back_with_what_it_had_has_lost_what_came_in_between",
                "failover/test_short.py::test_its_primary_is_killed",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.LATER,
            clients=f"{_DIRECT} Queued writes can be read, and wait.",
            detected="The log has `READONLY`, and `holdfast_loop_failures_total` counts `wrong_node`; "
            f"{alert('PipelineStale')}, {alert('DegradedHidesOutage')}.",
            heals="Each connection is made anew. Where Sentinel or the cluster knows the primary, the connection "
            "leads there; elsewhere, the queue is used again when this node takes writes.",
            person=f"Finish the failover: {runbook('PipelineStale')}.",
            proofs=(
                "faults/test_queue_refuses.py::test_read_only",
                "faults/test_wrong_node.py::test_its_connection_is_not_used_again",
                "failover/test_short.py::test_its_primary_moves_as_planned",
                "failover/test_cluster.py::test_its_slot_moves",
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Writes get `202` and `201` in turn; no write is lost or applied twice.",
            detected=f"{alert('BreakerFlapping')}; {metric(metrics.breaker_transitions)}.",
            heals="A write that took both ways is recognised by its operation.",
            person=f"Follow {runbook('BreakerFlapping')}.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "make verify",
                "make load-test-with-failures",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.LATER,
            clients="After a lost reply, the retry finds the first attempt, or the write goes to the database; it is "
            "applied once in any case.",
            detected=f"Same as *hanging*. If only the writers are cut off: {alert('ConsumerStalled')}, "
            f"{alert('PipelineStale')}.",
            heals="Entries that were delivered and never arrived are reclaimed after "
            f"{setting('writer_claim_idle_s')} of silence.",
            person=f"Check the network between the two: {runbook('ConsumerStalled')}.",
            proofs=(
                "faults/test_queue.py::test_the_reply_to_an_acceptance_is_lost",
                "faults/test_both.py::test_an_acceptance_without_an_answer_is_found_again",
                "make chaos-network-partition",
            ),
        ),
    },
)
