"""Disks."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, page, runbook

DEPENDENCY = Dependency(
    "disk",
    "The disks under the two stores. Services write to no disk but for logs; Prometheus's disk is Prometheus's row.",
    {
        Mode.GONE: SameAs("queue", Mode.GONE, "A store without its disk ends. Of the database: as database gone."),
        Mode.HANGING: SameAs(
            "queue", Mode.HANGING, "Each write waits for an fsync of the queue's disk. Of the database: as database "
            "hanging. Of a service's log, or a log driver that takes no more: nobody waits for it, and lines without "
            "room are dropped and counted in `holdfast_log_lines_dropped_total`.",
            proofs=(
                "faults/test_log.py::test_a_log_that_nobody_reads_holds_nobody_up",
                "unit/test_log_lines.py::test_what_is_too_much_is_dropped_and_counted",
            ),
        ),
        Mode.SLOW: SameAs(
            "queue", Mode.SLOW, "An fsync is part of each acceptance; all that arrive together share it. Of the "
            "database: as database slow.",
        ),
        Mode.ERRORS: SameAs(
            "disk", Mode.FULL, "With `appendfsync always`, Redis ends at an error of its file rather than acknowledge "
            "a write that is not on disk.",
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A disk that lies about fsync, or returns other bytes than were written: not promised.",
            detected=f"The stores' own checksums at their start; {alert('LedgerImbalance')}. Both are late.",
            heals="Not by itself.",
            person=f"Replace it, restore the newest backup; {runbook('LedgerImbalance')}. "
            f"{page('promises.md', 'What is not promised')}.",
            proofs=(
                "verify/test_disk.py::test_a_redis_that_answers_before_it_syncs_loses_what_it_answered",
                "faults/test_restored.py::test_an_older_database_is_seen_and_worked_with",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.LATER,
            clients="The queue's: Redis ends in the write that it cannot keep, and that write goes to the database: "
            "`201`. The database's: `202`, and later.",
            detected=f"Before, when no room is left for another copy of the queue's file: "
            f"{alert('QueueRewriteFailing')}. Then `AOF write error` in Redis' log, or the database's error in the "
            f"writer's; {alert('TargetDown')}, {alert('PipelineStale')}.",
            heals="Each store starts with what it had acknowledged; everything is applied once.",
            person=f"Make room: {page('operations/retention.md', 'retention')}, {runbook('PipelineStale')}.",
            proofs=(
                "faults/test_queue_refuses.py::test_its_disk_is_full",
                "observed/test_durability.py::test_a_rewrite_that_fails_is_seen_until_one_succeeds",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
                "make verify",
            ),
        ),
        Mode.FORGETTING: SameAs("queue", Mode.FORGETTING, "Of the database: as database losing what it had."),
        Mode.READ_ONLY: SameAs("disk", Mode.FULL, "A file system that is mounted read-only refuses the same writes."),
        Mode.FLAPPING: SameAs("queue", Mode.FLAPPING, "The store on it comes and goes."),
        Mode.HALF_CUT_OFF: Impossible("a disk has no network; a volume over a network is hanging, or answers errors."),
    },
)  # fmt: skip
