"""The database."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, limit, measured, metric, page, runbook, setting
from holdfast.shared.errors import AcceptanceUnknown, DatabaseSlow, WritesUnavailable
from holdfast.shared.telemetry import metrics

_START_IT = f"Start the database: {runbook('BreakerOpen')}, {page('operations/outages.md', 'outages')}."
_WRITERS_HEAL = (
    "Each api probes with a read and each writer with a control write, one probe at a time, at least every "
    f"{limit('PROBE_EVERY_S')}. The first probe that succeeds closes the breaker."
)

DEPENDENCY = Dependency(
    "database",
    "MySQL or MariaDB. It holds entities, operations, dead letters, replays and the audit.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients="Reads return marked copies; an entity without a copy is a `503`, never a `404`. Writes are "
            "queued: `202`.",
            detected=f"The api's breaker opens after {measured('database-killed', 'detect')}. {alert('TargetDown')}, "
            f"{alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals=f"{_WRITERS_HEAL} The backlog is worked off after {measured('database-killed', 'drain')}.",
            person=_START_IT,
            proofs=(
                "faults/test_database.py::test_killed",
                "integration/test_writer_outages.py::test_a_database_that_is_away",
                "faults/test_database_hosts.py::test_services_follow",
                "make chaos-db-kill",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.COPIES,
            clients=f"The first reads return copies after half of {setting('api_read_timeout_s')} "
            f"({error(DatabaseSlow)}). Once the breaker is open, reads return copies at once. Writes are queued: "
            "`202`.",
            detected=f"The api's breaker opens after {measured('database-frozen', 'detect')}. "
            f"{metric(metrics.pool_in_use)} is at its capacity. {alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals=f"{_WRITERS_HEAL} The backlog is worked off after {measured('database-frozen', 'drain')}.",
            person=f"Find what the database waits for (disk, locks), or restart it: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_frozen",
                "faults/test_api.py::test_health_answers_while_sixty_callers_hang",
                "make chaos-db-timeout",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.COPIES,
            clients=f"Reads are slower; a read that exceeds {setting('api_read_timeout_s')} returns a copy. Writes "
            "are accepted as usual and take effect later.",
            detected=f"{metric(metrics.dependency_call_duration)} rises, and the breaker opens when most calls are "
            f"slow. {metric(metrics.pace)} falls. {alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals="Writers shrink their transactions, and enlarge them again when the database is quick. A probe has "
            "to be quick to close the breaker.",
            person=f"Check load, locks and disk: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_slow",
                "unit/test_writer_pace.py::test_a_slow_transaction_halves_it",
                "make chaos-db-slow",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="Whatever the error is, reads return copies and writes are queued. Direct writes, which bypass "
            f"the queue, are refused: {error(WritesUnavailable)}.",
            detected="The error's text is in the writer's log (`control_write_failed`), in `/health`, in the "
            f"breaker's state (`refusal`) and on the console's home page. {alert('LoopCrashing')}, "
            f"{alert('PipelineStale')}.",
            heals="Writers hold until a control write succeeds. No write is charged an attempt, and none is "
            "dead-lettered.",
            person=f"Mend the account, the right or the schema that the error names: {runbook('LoopCrashing')}.",
            proofs=(
                "faults/test_database.py::test_whatever_the_database_answers_a_read_with",
                "faults/test_database.py::test_whatever_the_database_refuses_direct_writes_with",
                "unit/test_store_refuses.py::test_what_it_says_is_shown_until_it_works",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A truncated answer counts as no answer. The server's own settings do not change what a "
            "statement means. A write to a row that is ahead of all clocks ends as `superseded`. A well-formed wrong "
            "answer is believed.",
            detected=f"{metric(metrics.fallback_checked)} shows copies that differ from their rows. "
            f"{alert('LedgerImbalance')}.",
            heals="Each session sets what it needs. A connection to a demoted server is dropped at its next use.",
            person=f"If rows were changed by hand: {runbook('LedgerImbalance')}.",
            proofs=(
                "faults/test_database.py::test_a_connection_reset_in_the_middle_of_an_answer",
                "integration/test_session.py::test_the_servers_settings_are_not_ours",
                "integration/test_version_floor.py::test_what_was_overtaken_says_so",
                "faults/test_switch.py::test_the_primary_is_switched",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.LATER,
            clients="Full disk: reads work as usual; writes are queued (`202`) and take effect later. No free "
            "connection: reads return copies; writes are queued (`202`).",
            detected=f"The error is in the writer's log. {alert('PipelineStale')}, {alert('HeartbeatStale')}.",
            heals="Writers hold, and go on when there is room.",
            person=f"Make room, or raise `max_connections`: {runbook('PipelineStale')}. "
            f"{page('operations/retention.md', 'Retention')} limits how much is kept.",
            proofs=(
                "faults/test_database.py::test_refusing_for_too_many_connections",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="Applied writes that are not in the restored backup are gone. Nothing newer is lost or refused. "
            "A copy may show the lost state until the copy expires.",
            detected=f"The ledger counts the missing writes within {setting('dlq_audit_every_s')} of the restart: "
            f"{alert('LedgerImbalance')}.",
            heals="Work goes on with the restored data; new versions are above all old ones.",
            person=f"A lost disk is not covered by a promise. Restore the newest backup: {runbook('LedgerImbalance')}.",
            proofs=("faults/test_restored.py::test_an_older_database_is_seen_and_worked_with",),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.LATER,
            clients="Reads are fresh as usual. Writes are queued (`202`) and take effect later.",
            detected="The breaker shows the server's text (`refusal`), the writer's log has `batch_held`, and "
            f"{metric(metrics.loop_failures)} counts `wrong_node`. {alert('PipelineStale')}.",
            heals="A control write succeeds again, or the address or another host of `DB_DSN` leads to the new "
            "primary; connections to the old primary are dropped.",
            person=f"Finish the failover, or turn off `read_only`: {runbook('PipelineStale')}.",
            proofs=(
                "faults/test_database.py::test_read_only",
                "faults/test_switch.py::test_the_primary_is_switched",
                "faults/test_database_hosts.py::test_the_first_that_takes_writes",
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.COPIES,
            clients="Clients get copies and fresh answers in turn. No write is lost or applied twice.",
            detected=f"{alert('BreakerFlapping')}; {metric(metrics.breaker_transitions)}.",
            heals="Each opening of the breaker lasts longer than the one before; after it closes, load returns by a "
            "ramp.",
            person=f"Follow {runbook('BreakerFlapping')}.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "unit/test_breaker_ramp.py::test_it_may_open_while_ramping",
                "make load-test-with-failures",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="Same as *hanging*, whichever direction is cut. If the reply to the commit of a direct write is "
            f"lost, the answer is {error(AcceptanceUnknown)}; a retry with the same key finds out what happened.",
            detected=f"Same as *hanging*: {alert('BreakerOpen')}.",
            heals="The driver's timeouts end the calls. The operation's row shows what a lost commit did.",
            person=f"Check the network between the two: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_cut_off_in_one_direction",
                "faults/test_database.py::test_the_reply_to_a_direct_write_s_commit_is_lost",
                "make chaos-network-partition",
            ),
        ),
    },
)
