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
            clients="Writes that only the other build can decode wait for it. If it does not come back, they become "
            "dead letters, kept whole.",
            detected=f"{metric(metrics.deferred_entries)}, {alert('PipelineStale')}, {alert('DeadLettersGrowing')}.",
            heals="Nothing is given up while a writer of another build runs, and for "
            f"{setting('writer_unknown_patience_s')} after.",
            person=f"Start the other build again, and {page('operations/replay.md', 'replay')} the dead letters.",
            proofs=(
                f"{_UNKNOWN}::test_it_waits_for_a_writer_that_knows_it",
                f"{_UNKNOWN}::test_what_no_writer_knows_is_dead_lettered_in_the_end",
                f"{_UNKNOWN}::test_nothing_is_given_up_while_another_build_runs",
            ),
        ),
        Mode.HANGING: SameAs("writer", Mode.HANGING, "Other writers take over its entries, whatever its build."),
        Mode.SLOW: SameAs("writer", Mode.SLOW, "The group works as fast as all its writers together."),
        Mode.ERRORS: Failure(
            effect=Effect.LATER,
            clients="A build with a bug halts instead of moving the whole stream to the dead letters.",
            detected=f"{alert('WriterHalted')}, {alert('DeadLettersGrowing')}; letters name the build.",
            heals="Writers of the good build take over the entries that the bad build leaves.",
            person=f"{_BACK} Then {page('operations/replay.md', 'replay')} the letters that it made.",
            proofs=(
                "integration/test_writer_halted.py::test_it_goes_on_by_itself_when_the_fault_has_gone",
                "integration/test_writer_dead_letters.py::test_a_mostly_poisoned_stream_halts_the_writer",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.LOSS,
            clients="A build that merges or validates wrongly writes wrong rows; no check at run time detects this. "
            "A statement that does not fit the schema is refused, and its write waits.",
            detected="Its tests detect it before the release, clients after it. Letters, logs and "
            f"{metric(metrics.build_info)} name the build.",
            heals="Not by itself.",
            person=f"{_BACK} Send the right values again.",
            proofs=(
                "convergence/test_convergence.py::test_every_user_and_operation_ends_as_in_the_order_of_acceptance",
                "migrations/test_revisions.py::test_a_writer_of_the_build_before_can_end_no_operation",
            ),
        ),
        Mode.FULL: Impossible(
            "a build has no storage of its own; the stores that it shares have their own sections here."
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. A field that one build does not know stays in the rows of the other build, and is "
            "visible again with it.",
            detected="Not needed.",
            heals="When the other build runs again.",
            person="Nothing.",
            proofs=(
                "migrations/test_declarations.py::test_a_build_that_knows_a_field_reads_what_one_wrote_that_does_not",
                _ROLLING,
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.LATER,
            clients="A build from before the migration can end no operation: its writers hold, and charge no entry "
            "an attempt.",
            detected=f"Its log has `control_write_failed`; {alert('PipelineStale')} if all writers are old.",
            heals="New writers apply the writes that wait.",
            person=f"Finish the {page('operations/upgrade.md', 'upgrade')}.",
            proofs=(
                "migrations/test_revisions.py::test_a_writer_of_the_build_before_can_end_no_operation",
                _ROLLING,
            ),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.LATER,
            clients="Builds change back and forth: each time, writes that one build does not know wait for the other.",
            detected=f"{metric(metrics.build_info)}.",
            heals="The patience starts when the last writer of another build is gone.",
            person=f"Decide for one build: {page('operations/upgrade.md', 'upgrade')}.",
            proofs=(f"{_UNKNOWN}::test_nothing_is_given_up_while_another_build_runs", _ROLLING),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. Some replicas are new and some are old: each reads what the other wrote, or treats it "
            "as a miss.",
            detected=f"{metric(metrics.build_info)}.",
            heals="When all replicas have one build.",
            person="Nothing.",
            proofs=(
                _ROLLING,
                "unit/test_copies_form.py::test_a_copy_of_another_build_is_no_copy",
                "unit/test_fleet.py::test_a_report_of_another_build_hurts_nobody",
            ),
        ),
    },
)
