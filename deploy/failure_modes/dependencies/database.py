"""The database."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, limit, measured, metric, page, runbook, setting
from holdfast.shared.errors import AcceptanceUnknown, DatabaseSlow, WritesUnavailable
from holdfast.shared.telemetry import metrics

_START_IT = f"Start it: {runbook('BreakerOpen')}, {page('operations/outages.md', 'outages')}."
_WRITERS_HEAL = (
    f"Each api asks with a read and each writer with a control write, one at a time, at least every "
    f"{limit('PROBE_EVERY_S')}; the first that works ends the outage."
)

DEPENDENCY = Dependency(
    "database",
    "MySQL or MariaDB: entities, operations, dead letters, replays, the audit.",
    {
        Mode.GONE: Failure(
            effect=Effect.COPIES,
            clients="Reads: marked copies; what has no copy is a `503`, never a `404`. Writes: `202`, queued.",
            detected=f"The api's breaker opens, after {measured('database-killed', 'detect')}. {alert('TargetDown')}, "
            f"{alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals=f"{_WRITERS_HEAL} Backlog worked off after {measured('database-killed', 'drain')}.",
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
            clients=f"The first reads are copies after half of {setting('api_read_timeout_s')} "
            f"({error(DatabaseSlow)}); once the breaker is open, copies at once. Writes: `202`.",
            detected=f"The api's breaker opens, after {measured('database-frozen', 'detect')}. "
            f"{metric(metrics.pool_in_use)} is at its capacity. {alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals=f"{_WRITERS_HEAL} Backlog worked off after {measured('database-frozen', 'drain')}.",
            person=f"Find what it waits for (disk, locks), or restart it: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_frozen",
                "faults/test_api.py::test_health_answers_while_sixty_callers_hang",
                "make chaos-db-timeout",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.COPIES,
            clients=f"Slower reads; beyond {setting('api_read_timeout_s')} copies. Writes as usual; they take effect "
            "later.",
            detected=f"{metric(metrics.dependency_call_duration)}; the breaker opens when most calls are slow. "
            f"{metric(metrics.pace)} falls. {alert('BreakerOpen')}, {alert('PipelineStale')}.",
            heals="Writers make smaller transactions, and larger ones again; the breaker's probes have to be quick.",
            person=f"Load, locks, disk: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_slow",
                "unit/test_writer_pace.py::test_a_slow_transaction_halves_it",
                "make chaos-db-slow",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="Whatever the error is: reads are copies, writes are queued. Past the queue, writes are refused: "
            f"{error(WritesUnavailable)}.",
            detected=f"Its text is in the writer's log (`control_write_failed`), in `/health`, at the breaker "
            f"(`refusal`) and on the console's home. {alert('LoopCrashing')}, {alert('PipelineStale')}.",
            heals="Writers hold until a control write works. No write is charged an attempt, none is dead-lettered.",
            person=f"Mend the account, the right or the schema that it names: {runbook('LoopCrashing')}.",
            proofs=(
                "faults/test_database.py::test_whatever_the_database_answers_a_read_with",
                "faults/test_database.py::test_whatever_the_database_refuses_direct_writes_with",
                "unit/test_store_refuses.py::test_what_it_says_is_shown_until_it_works",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="An answer that is torn is none. A server's own settings do not change what a statement means. A "
            "row that is ahead of all clocks: `superseded`. A well-formed wrong answer is believed.",
            detected=f"{metric(metrics.fallback_checked)}: copies compared with rows. {alert('LedgerImbalance')}.",
            heals="Sessions set what they need; connections to a demoted server are dropped when they are next used.",
            person=f"Rows changed by hand: {runbook('LedgerImbalance')}.",
            proofs=(
                "faults/test_database.py::test_a_connection_reset_in_the_middle_of_an_answer",
                "integration/test_session.py::test_the_servers_settings_are_not_ours",
                "integration/test_version_floor.py::test_what_was_overtaken_says_so",
                "faults/test_switch.py::test_the_primary_is_switched",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.LATER,
            clients="Disk: reads as usual, writes `202` and later. Connections: reads are copies, writes `202`.",
            detected=f"The error is in the writer's log. {alert('PipelineStale')}, {alert('HeartbeatStale')}.",
            heals="Writers hold, and go on when there is room.",
            person=f"Make room, or raise `max_connections`: {runbook('PipelineStale')}. "
            f"{page('operations/retention.md', 'Retention')} bounds what is kept.",
            proofs=(
                "faults/test_database.py::test_refusing_for_too_many_connections",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="What it forgot is gone: applied writes of before the restore. Nothing newer is lost or refused, "
            "and a copy may show the forgotten state for as long as it lives.",
            detected=f"The ledger says how many writes are missing: {alert('LedgerImbalance')}, seen within "
            f"{setting('dlq_audit_every_s')} of the restart.",
            heals="It goes on with what it has: new versions are above all old ones.",
            person=f"Not promised (a lost disk). Restore the newest backup; {runbook('LedgerImbalance')}.",
            proofs=("faults/test_restored.py::test_an_older_database_is_seen_and_worked_with",),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.LATER,
            clients="Reads as usual, fresh. Writes `202`, and later.",
            detected="Its text at the breaker (`refusal`), `batch_held` in the writer's log, `wrong_node` in "
            f"{metric(metrics.loop_failures)}. {alert('PipelineStale')}.",
            heals="A control write works again, or the address or another host of `DB_DSN` leads to the new primary: "
            "connections to the old one are dropped.",
            person=f"Finish the failover, or end `read_only`: {runbook('PipelineStale')}.",
            proofs=(
                "faults/test_database.py::test_read_only",
                "faults/test_switch.py::test_the_primary_is_switched",
                "faults/test_database_hosts.py::test_the_first_that_takes_writes",
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.COPIES,
            clients="Copies and fresh answers in turn; no write is lost or applied twice.",
            detected=f"{alert('BreakerFlapping')}; {metric(metrics.breaker_transitions)}.",
            heals="Each opening lasts longer than the one before; after closing, load returns by a ramp.",
            person=f"{runbook('BreakerFlapping')}.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "unit/test_breaker_ramp.py::test_it_may_open_while_ramping",
                "make load-test-with-failures",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="As hanging, whichever direction is cut. A lost reply to a commit of a direct write: "
            f"{error(AcceptanceUnknown)}; the same key finds out.",
            detected=f"As hanging: {alert('BreakerOpen')}.",
            heals="The driver's limits end the calls; the operation's row shows what a lost commit did.",
            person=f"The network between: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_database.py::test_cut_off_in_one_direction",
                "faults/test_database.py::test_the_reply_to_a_direct_write_s_commit_is_lost",
                "make chaos-network-partition",
            ),
        ),
    },
)
