"""Disks."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, page, runbook

DEPENDENCY = Dependency(
    "disk",
    "The disks under the two stores. Services write only logs to disk. Prometheus's disk belongs to Prometheus's "
    "section.",
    {
        Mode.GONE: SameAs("queue", Mode.GONE, "A store without its disk ends. The database's disk: same as database "
            "gone."),
        Mode.HANGING: SameAs(
            "queue", Mode.HANGING, "Each write waits for an fsync of the queue's disk. The database's disk: same as "
                "database hanging. A service's log, or a log driver that takes no more: no request waits for it, and "
                "lines without room are dropped and counted in `holdfast_log_lines_dropped_total`.",
            proofs=(
                "faults/test_log.py::test_a_log_that_nobody_reads_holds_nobody_up",
                "unit/test_log_lines.py::test_what_is_too_much_is_dropped_and_counted",
            ),
        ),
        Mode.SLOW: SameAs(
            "queue", Mode.SLOW, "An fsync is part of each acceptance; writes that arrive together share it. The "
                "database's disk: same as database slow.",
        ),
        Mode.ERRORS: SameAs(
            "disk", Mode.FULL, "With `appendfsync always`, Redis ends at an error of its file rather than "
                "acknowledge a write that is not on disk.",
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A disk lies about fsync, or returns other bytes than were written. No promise covers this.",
            detected=f"The stores verify their own checksums when they start; {alert('LedgerImbalance')}. Both come "
            "late.",
            heals="Not by itself.",
            person=f"Replace the disk, and restore the newest backup: {runbook('LedgerImbalance')}. See "
            f"{page('promises.md', 'What is not promised')}.",
            proofs=(
                "verify/test_disk.py::test_a_redis_that_answers_before_it_syncs_loses_what_it_answered",
                "faults/test_restored.py::test_an_older_database_is_seen_and_worked_with",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.LATER,
            clients="The queue's disk: Redis ends in the write that it cannot keep, and that write goes to the "
            "database: `201`. The database's disk: writes are queued (`202`) and take effect later.",
            detected="Before the disk is full, when no room is left for another copy of the queue's file: "
            f"{alert('QueueRewriteFailing')}. Afterwards: `AOF write error` in Redis' log, or the database's error in "
            f"the writer's log; {alert('TargetDown')}, {alert('PipelineStale')}.",
            heals="Each store starts with what it had acknowledged; everything is applied once.",
            person=f"Make room: {page('operations/retention.md', 'retention')}, {runbook('PipelineStale')}.",
            proofs=(
                "faults/test_queue_refuses.py::test_its_disk_is_full",
                "observed/test_durability.py::test_a_rewrite_that_fails_is_seen_until_one_succeeds",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
                "make verify",
            ),
        ),
        Mode.FORGETTING: SameAs("queue", Mode.FORGETTING, "The database's disk: same as database losing what it had."),
        Mode.READ_ONLY: SameAs("disk", Mode.FULL, "A file system that is mounted read-only refuses the same writes."),
        Mode.FLAPPING: SameAs("queue", Mode.FLAPPING, "The store on the disk comes and goes."),
        Mode.HALF_CUT_OFF: Impossible("a disk has no network; a volume over a network hangs or answers errors."),
    },
)  # fmt: skip
