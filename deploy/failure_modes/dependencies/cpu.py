"""CPU."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, error, metric, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "CPU",
    "The time that each process gets from its machine.",
    {
        Mode.GONE: SameAs("CPU", Mode.HANGING, "A process that gets no time stands still."),
        Mode.HANGING: Failure(
            effect=Effect.SLOWER,
            clients="A process that stands still: other replicas do its work.",
            detected=f"`/livez` fails when a turn takes longer than {setting('writer_turn_max_s')}; "
            f"{alert('TargetDown')}.",
            heals="When it goes on, it finds its work done; one stop is no sign of overload.",
            person=f"{runbook('TargetDown')}.",
            proofs=(
                "faults/test_api.py::test_one_hung_process_does_not_stop_the_other",
                "integration/test_writer_team.py::test_entries_of_a_frozen_writer_are_taken_over",
                "unit/test_shed_limit.py::test_one_stop_is_no_lag",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.REFUSED,
            clients=f"Slower answers, within the deadline of {setting('api_timeout_s')}; what cannot be done in time "
            f"is refused early: {error(errors.Overloaded)}.",
            detected=f"{metric(metrics.event_loop_lag)}, {metric(metrics.requests_shed)}; "
            f"{alert('AvailabilityBurnFast')}.",
            heals="The limit on requests under way follows what ends in time, down and up.",
            person=f"More CPU or replicas: {runbook('AvailabilityBurnFast')}.",
            proofs=(
                "make chaos-cpu-spike",
                "unit/test_shed_limit.py::test_it_recovers_when_the_server_does",
                "unit/test_shed.py::test_a_late_loop_turns_reads_away",
            ),
        ),
        Mode.ERRORS: Impossible("a processor that finds an error in itself stops the machine: as gone."),
        Mode.WRONG: SameAs("memory", Mode.WRONG, "A processor that computes wrongly looks like bad memory."),
        Mode.FULL: SameAs("CPU", Mode.SLOW, "All of it in use is too little of it."),
        Mode.FORGETTING: Impossible("it keeps nothing."),
        Mode.READ_ONLY: Impossible("it writes nothing."),
        Mode.FLAPPING: Failure(
            effect=Effect.REFUSED,
            clients="As slow, for as long as each time lasts.",
            detected=f"{metric(metrics.event_loop_lag)}.",
            heals="The limit comes back without help.",
            person="A noisy neighbour? Set CPU limits and requests.",
            proofs=(
                "unit/test_shed_limit.py::test_it_recovers_when_the_server_does",
                "unit/test_shed_limit.py::test_it_does_not_grow_on_hearsay",
            ),
        ),
        Mode.HALF_CUT_OFF: Impossible("a processor has no network."),
    },
)
