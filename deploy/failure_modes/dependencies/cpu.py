"""CPU."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, error, metric, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

DEPENDENCY = Dependency(
    "CPU",
    "The time that each process gets from its machine.",
    {
        Mode.GONE: SameAs("CPU", Mode.HANGING, "A process that gets no CPU time stands still."),
        Mode.HANGING: Failure(
            effect=Effect.SLOWER,
            clients="A process stands still; other replicas do its work.",
            detected="`/livez` fails when a round of the reading loop takes longer than "
            f"{setting('writer_turn_max_s')}; {alert('TargetDown')}.",
            heals="When the process resumes, it finds its work done. A single stop does not count as overload.",
            person=f"Follow {runbook('TargetDown')}.",
            proofs=(
                "faults/test_api.py::test_one_hung_process_does_not_stop_the_other",
                "integration/test_writer_team.py::test_entries_of_a_frozen_writer_are_taken_over",
                "unit/test_shed_limit.py::test_one_stop_is_no_lag",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.REFUSED,
            clients=f"Answers are slower, within the deadline of {setting('api_timeout_s')}. A request that cannot be "
            f"served in time is refused early: {error(errors.Overloaded)}.",
            detected=f"{metric(metrics.event_loop_lag)}, {metric(metrics.requests_shed)}; "
            f"{alert('AvailabilityBurnFast')}.",
            heals="The limit on requests in flight follows how many end in time, down and up.",
            person=f"Add CPU or replicas: {runbook('AvailabilityBurnFast')}.",
            proofs=(
                "make chaos-cpu-spike",
                "unit/test_shed_limit.py::test_it_recovers_when_the_server_does",
                "unit/test_shed.py::test_a_late_loop_turns_reads_away",
            ),
        ),
        Mode.ERRORS: Impossible("a processor that finds an error in itself stops the machine: same as *gone*."),
        Mode.WRONG: SameAs("memory", Mode.WRONG, "A processor that computes wrongly looks like bad memory."),
        Mode.FULL: SameAs("CPU", Mode.SLOW, "A CPU that is fully used is a slow CPU."),
        Mode.FORGETTING: Impossible("a processor keeps nothing."),
        Mode.READ_ONLY: Impossible("a processor writes nothing."),
        Mode.FLAPPING: Failure(
            effect=Effect.REFUSED,
            clients="Same as *slow*, each time for as long as it lasts.",
            detected=f"{metric(metrics.event_loop_lag)}.",
            heals="The limit rises again by itself.",
            person="Look for a noisy neighbour; set CPU limits and requests.",
            proofs=(
                "unit/test_shed_limit.py::test_it_recovers_when_the_server_does",
                "unit/test_shed_limit.py::test_it_does_not_grow_on_hearsay",
            ),
        ),
        Mode.HALF_CUT_OFF: Impossible("a processor has no network."),
    },
)
