"""Memory."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, metric, runbook
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "memory",
    "The memory of each process and of its host. Every container has a limit of its own.",
    {
        Mode.GONE: SameAs("memory", Mode.FULL, "A process that gets none is ended by the kernel."),
        Mode.HANGING: SameAs("CPU", Mode.HANGING, "A process that waits for pages stands still."),
        Mode.SLOW: SameAs("CPU", Mode.SLOW, "Swapping looks like too little CPU to everybody else."),
        Mode.ERRORS: SameAs(
            "memory", Mode.FULL, "An allocation that fails ends the request with `500`, or the process."
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A flipped bit that neither ECC nor a checksum finds is believed: not promised.",
            detected=f"A changed row of the audit breaks its chain; {alert('LedgerImbalance')} shows a changed count. "
            "Nothing else does.",
            heals="Not by itself.",
            person="Replace the machine: `make verify-audit`, `make ledger`.",
            proofs=(
                "dead_letters/test_seals.py::test_tampering_is_found",
                "observed/test_auditor.py::test_an_entry_deleted_by_hand_is_missed",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.SLOWER,
            clients="The kernel kills a process: as that process gone. The queue at its `maxmemory`: as queue full.",
            detected=f"{alert('TargetDown')}; `process_resident_memory_bytes`; {metric(metrics.requests_shed)}.",
            heals="The supervisor starts it again; what it held is taken over. Bodies, documents, batches and lists "
            "are bounded.",
            person=f"Which process, and why? {runbook('TargetDown')}.",
            proofs=(
                "make chaos-memory-pressure",
                "dead_letters/test_edits.py::test_huge_letters_are_not_held_in_memory_together",
                "integration/test_rate_limit_count.py::test_many_clients_do_not_fill_the_memory",
                "console/test_strangers_data.py::test_bombs_are_refused_by_name",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="A process that starts anew has nothing in memory, and needs nothing from before.",
            detected=f"{alert('TargetDown')}, if it takes long.",
            heals="All that was acknowledged is in a store.",
            person="Nothing.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "make verify",
            ),
        ),
        Mode.READ_ONLY: Impossible("a process cannot run on memory that it may not write."),
        Mode.FLAPPING: SameAs("writer", Mode.FLAPPING, "A process that is killed for its memory again and again."),
        Mode.HALF_CUT_OFF: Impossible("memory has no network."),
    },
)
