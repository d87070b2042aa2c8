"""The writers."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, metric, page, runbook, setting
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "writer",
    "The writers apply accepted writes. Any number of writers share one consumer group.",
    {
        Mode.GONE: Failure(
            effect=Effect.LATER,
            clients="One of several writers: nothing. All writers: writes are queued (`202`) and take effect later; "
            "reads show queued writes.",
            detected=f"{alert('TargetDown')}; if all writers are gone: {alert('ConsumerStalled')}, "
            f"{alert('PipelineStale')}.",
            heals=f"Other writers take over its entries after {setting('writer_claim_idle_s')} of silence. The "
            "supervisor starts it again.",
            person=f"Follow {runbook('TargetDown')}.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "integration/test_api_backlog.py::test_a_long_backlog_refuses_until_it_is_short",
                "make verify",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.LATER,
            clients="Entries that the writer had taken take effect later.",
            detected="`/livez` fails when a round of the reading loop takes longer than "
            f"{setting('writer_turn_max_s')}; {alert('TargetDown')}; {metric(metrics.last_progress)}.",
            heals="Its peers take over its entries; when it resumes, it finds its work done.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=(
                "integration/test_writer_team.py::test_entries_of_a_frozen_writer_are_taken_over",
                "integration/test_liveness.py::test_a_loop_that_hangs_is_not_alive",
                "integration/test_closing.py::test_a_frozen_writer_holds_nobody_up",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.LATER,
            clients="Writes take effect later; a new write that would wait longer than "
            f"{setting('api_backlog_age_max_s')} is refused.",
            detected=f"{metric(metrics.commit_delay)}; {alert('PipelineStale')}.",
            heals="When fewer writes are accepted than applied.",
            person=f"Add writers: `make docker-scale`. {runbook('PipelineStale')}.",
            proofs=(
                "make load-test-scaling",
                "integration/test_api_backlog.py::test_a_long_backlog_refuses_until_it_is_short",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.LATER,
            clients="If a bug hits most entries, the writer halts, and writes wait. If a bug hits one entry, that "
            "entry becomes a dead letter after bounded attempts, and its neighbours are applied.",
            detected=f"{alert('WriterHalted')}, {alert('DeadLettersGrowing')}.",
            heals="A halted writer retries a few entries at intervals. It goes on when one of them can be applied, "
            "or when nothing is left of the entries that it kept.",
            person=f"Roll the build back: {runbook('WriterHalted')}. Then {page('operations/dying.md', 'replay')} the "
            "dead letters.",
            proofs=(
                "integration/test_writer_halted.py::test_it_goes_on_by_itself_when_the_fault_has_gone",
                "integration/test_writer_halted.py::test_it_goes_on_when_others_ended_all_that_it_kept",
                "integration/test_writer_dead_letters.py::"
                    "test_an_unknown_error_is_tried_five_times_and_then_dead_lettered",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. Entries in any order, delivered twice or late, give the result of the order of "
            "acceptance.",
            detected=f"{alert('LedgerImbalance')}.",
            heals="A further entry of an operation is recognised as a duplicate.",
            person="Nothing.",
            proofs=(
                "convergence/test_convergence.py::"
                    "test_every_user_and_operation_ends_as_in_the_order_of_acceptance",
            ),
        ),
        Mode.FULL: SameAs("memory", Mode.FULL, "A writer holds a bounded amount; it can only run out of memory."),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. If a writer dies between commit and acknowledgement, the next delivery is a duplicate.",
            detected=f"{metric(metrics.outcomes)} with `outcome=\"Duplicate\"`.",
            heals="The stores hold all that it knew: attempts, pending entries, operations.",
            person="Nothing.",
            proofs=(
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "integration/test_writer_outages.py::test_entries_held_in_an_outage_are_no_crash_loop",
            ),
        ),
        Mode.READ_ONLY: SameAs("database", Mode.READ_ONLY, "A writer that cannot write holds, and reports the "
            "reason."),
        Mode.FLAPPING: Failure(
            effect=Effect.LATER,
            clients="An entry that kills its writers becomes a dead letter; the other entries of its batches are "
            "applied.",
            detected=f"{alert('TargetDown')}; {metric(metrics.dead_letters)} with `reason=\"crash_loop\"`.",
            heals=f"After {setting('writer_crashes_max')} crashes the entry is set aside.",
            person=f"See {page('operations/dying.md', 'Dead letters')}.",
            proofs=(

            "integration/test_writer_crash_loop.py::test_an_entry_that_kills_three_writers_is_dead_lettered",
        ), ),
        Mode.HALF_CUT_OFF: SameAs(
            "queue", Mode.HALF_CUT_OFF, "Writers are cut off from the queue while the api reaches it.",
            ("make chaos-network-partition",),
        ),
    },
)  # fmt: skip
