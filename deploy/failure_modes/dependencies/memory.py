"""Memory."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, metric, runbook
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "memory",
    "The memory of each process and of its host. Every container has its own limit.",
    {
        Mode.GONE: SameAs("memory", Mode.FULL, "The kernel ends a process that gets no memory."),
        Mode.HANGING: SameAs("CPU", Mode.HANGING, "A process that waits for pages stands still."),
        Mode.SLOW: SameAs("CPU", Mode.SLOW, "To all other parts, swapping looks like a lack of CPU."),
        Mode.ERRORS: SameAs(
            "memory", Mode.FULL, "An allocation that fails ends the request with `500`, or the process."
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A flipped bit that neither ECC nor a checksum finds is believed. No promise covers this.",
            detected=f"A changed row of the audit breaks its chain; {alert('LedgerImbalance')} shows a changed count. "
            "Nothing else shows it.",
            heals="Not by itself.",
            person="Replace the machine; run `make verify-audit` and `make ledger`.",
            proofs=(
                "dead_letters/test_seals.py::test_tampering_is_found",
                "observed/test_auditor.py::test_an_entry_deleted_by_hand_is_missed",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.SLOWER,
            clients="The kernel kills a process: same as that process gone. The queue reaches its `maxmemory`: same "
            "as queue full.",
            detected=f"{alert('TargetDown')}; `process_resident_memory_bytes`; {metric(metrics.requests_shed)}.",
            heals="The supervisor starts it again; other processes take over what it held. Bodies, documents, "
            "batches and lists are bounded.",
            person=f"Find out which process grows, and why: {runbook('TargetDown')}.",
            proofs=(
                "make chaos-memory-pressure",
                "dead_letters/test_edits.py::test_huge_letters_are_not_held_in_memory_together",
                "integration/test_rate_limit_count.py::test_many_clients_do_not_fill_the_memory",
                "console/test_strangers_data.py::test_bombs_are_refused_by_name",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. A new process starts with empty memory, and needs nothing from before.",
            detected=f"{alert('TargetDown')}, if the start takes long.",
            heals="Everything acknowledged is in a store.",
            person="Nothing.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "make verify",
            ),
        ),
        Mode.READ_ONLY: Impossible("a process cannot run on memory that it may not write."),
        Mode.FLAPPING: SameAs("writer", Mode.FLAPPING, "The kernel kills a process for its memory again and again."),
        Mode.HALF_CUT_OFF: Impossible("memory has no network."),
    },
)
