"""Another build beside ours."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, metric, page, setting
from holdfast.shared.telemetry import metrics

_UNKNOWN = "integration/test_writer_unknown.py"
_ROLLING = "migrations/test_rolling_upgrade.py::test_nothing_is_lost"
_BACK = f"Roll back: {page('operations/upgrade.md', 'upgrade')}."

DEPENDENCY = Dependency(
    "another build",
    "An older or a newer build that runs beside this one on the same stores.",
    {
        Mode.GONE: Failure(
            effect=Effect.LATER,
            clients="Writes that only the other build knows wait for it; then they are dead letters, kept whole.",
            detected=f"{metric(metrics.deferred_entries)}, {alert('PipelineStale')}, {alert('DeadLettersGrowing')}.",
            heals=f"Nothing is given up while a writer of another build runs, and for "
            f"{setting('writer_unknown_patience_s')} after.",
            person=f"Start it again, and {page('operations/replay.md', 'replay')}.",
            proofs=(
                f"{_UNKNOWN}::test_it_waits_for_a_writer_that_knows_it",
                f"{_UNKNOWN}::test_what_no_writer_knows_is_dead_lettered_in_the_end",
                f"{_UNKNOWN}::test_nothing_is_given_up_while_another_build_runs",
            ),
        ),
        Mode.HANGING: SameAs("writer", Mode.HANGING, "Its entries are taken over, whatever its build."),
        Mode.SLOW: SameAs("writer", Mode.SLOW, "The group works as fast as all its writers together."),
        Mode.ERRORS: Failure(
            effect=Effect.LATER,
            clients="A build with a bug halts instead of emptying the stream into the dead letters.",
            detected=f"{alert('WriterHalted')}, {alert('DeadLettersGrowing')}; letters name the build.",
            heals="Writers of the good build take over what the bad one leaves.",
            person=f"{_BACK} Then {page('operations/replay.md', 'replay')} what it killed.",
            proofs=(
                "integration/test_writer_halted.py::test_it_goes_on_by_itself_when_the_fault_has_gone",
                "integration/test_writer_dead_letters.py::test_a_mostly_poisoned_stream_halts_the_writer",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A build that merges or validates wrongly writes wrong rows: no check at run time knows better. "
            "What it cannot say in this schema is refused, and waits.",
            detected="By its tests before, by clients after; letters, logs and "
            f"{metric(metrics.build_info)} name the build.",
            heals="Not by itself.",
            person=f"{_BACK} Send the right values again.",
            proofs=(
                "convergence/test_convergence.py::test_every_user_and_operation_ends_as_in_the_order_of_acceptance",
                "migrations/test_revisions.py::test_a_writer_of_the_build_before_can_end_no_operation",
            ),
        ),
        Mode.FULL: Impossible("a build has no room of its own; the stores it shares have their rows here."),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="A field that one build does not know is kept by the other's rows, and is back with it.",
            detected="Not needed.",
            heals="By itself.",
            person="Nothing.",
            proofs=(
                "migrations/test_declarations.py::test_a_build_that_knows_a_field_reads_what_one_wrote_that_does_not",
                _ROLLING,
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.LATER,
            clients="A build before the migration can end no operation: it holds, and charges nobody.",
            detected=f"`control_write_failed` in its log; {alert('PipelineStale')} if all writers are old.",
            heals="New writers apply what waits.",
            person=f"Finish the {page('operations/upgrade.md', 'upgrade')}.",
            proofs=(
                "migrations/test_revisions.py::test_a_writer_of_the_build_before_can_end_no_operation",
                _ROLLING,
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.LATER,
            clients="Forth and back: what one does not know waits for the other each time.",
            detected=f"{metric(metrics.build_info)}.",
            heals="The patience begins when the last writer of another build is gone.",
            person=f"Decide for one: {page('operations/upgrade.md', 'upgrade')}.",
            proofs=(f"{_UNKNOWN}::test_nothing_is_given_up_while_another_build_runs", _ROLLING),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.NOTHING,
            clients="Some replicas are new and some are old: each reads what the other wrote, or takes it for a miss.",
            detected=f"{metric(metrics.build_info)}.",
            heals="By itself.",
            person="Nothing.",
            proofs=(
                _ROLLING,
                "unit/test_copies_form.py::test_a_copy_of_another_build_is_no_copy",
                "unit/test_fleet.py::test_a_report_of_another_build_hurts_nobody",
            ),
        ),
    },
)
