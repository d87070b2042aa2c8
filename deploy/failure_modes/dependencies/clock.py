"""The clocks of the machines."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Impossible, Mode, SameAs
from deploy.failure_modes.references import alert, runbook, spoken
from holdfast.shared.errors import WriteExpired
from holdfast.shared.writes.versions import HORIZON_US

_OFF = "faults/test_clocks.py::test_services_whose_clocks_are_wrong_agree"
_QUEUE = "integration/test_runaway_ids.py::test_what_two_agree_on_is_followed"

DEPENDENCY = Dependency(
    "clock",
    "Writes are ordered by the queue's clock, made strictly increasing. Waits are measured by clocks that cannot be "
    "set.",
    {
        Mode.GONE: Impossible("a machine without a clock starts with a wrong time: same as *answering wrongly*."),
        Mode.HANGING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing: versions increase by counting.",
            detected="Ages stop growing.",
            heals="When the clock runs again.",
            person="Mend the host's clock.",
            proofs=("unit/test_versions.py::test_the_clock_is_never_behind_what_it_has_seen",),
        ),
        Mode.SLOW: Failure(
            effect=Effect.NOTHING,
            clients=f"With a clock that drifts, `X-Expire-After-Ms` (`{WriteExpired.code}`) is only as exact as the "
            "services' clocks agree. Order is not affected.",
            detected="Holdfast does not detect it: watch NTP.",
            heals="When the clock is right again.",
            person="Mend NTP.",
            proofs=(_OFF, "integration/test_version_floor.py::test_expiry_does_not_depend_on_the_queue"),
        ),
        Mode.ERRORS: Impossible("reading a clock does not fail."),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="A clock of a service or of the queue is ahead or behind. Writes still take effect in order. "
            "Time stamps are wrong, and writes with an expiry may end as expired. A copy from the future counts as "
            "new.",
            detected=f"The log has `stream_mended`; {alert('ProbeStale')} if dlq_admin's clock is behind. Watch NTP.",
            heals=f"The queue's clock is trusted up to {spoken(HORIZON_US / 1_000_000)} ahead. Further ahead, it is "
            "trusted only if the stream or the database confirms it.",
            person=f"Mend NTP; nothing needs a restart. {runbook('ProbeStale')}.",
            proofs=(
                _OFF,
                _QUEUE,
                "integration/test_runaway_ids.py::test_a_clock_of_nonsense_is_none",
                "integration/test_rate_limit_count.py::test_a_clock_that_went_back_locks_nobody_out",
                "unit/test_copies_form.py::test_a_copy_from_the_future_is_as_old_as_now",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.NOTHING,
            clients="No version is given out that writers refuse. When all credible versions are used up, writes get "
            "a definite refusal.",
            detected=f"{alert('AvailabilityBurnFast')}.",
            heals="The versions last until the year 2255, because made-up numbers are not believed.",
            person="Nothing.",
            proofs=(
                "integration/test_runaway_ids.py::test_no_version_is_given_out_that_codecs_refuse",
                "integration/test_runaway_ids.py::test_a_clock_of_nonsense_is_none",
            ),
        ),
        Mode.FORGETTING: SameAs(
            "queue", Mode.FORGETTING, "The queue's clock key is lost, and the version floor comes from the database.",
            ("integration/test_version_floor.py::test_without_clock_and_database_nothing_is_accepted",),
        ),
        Mode.READ_ONLY: Impossible("Holdfast sets no clock."),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing: while a clock jumps back and forth, versions only grow.",
            detected="Holdfast does not detect it: watch NTP.",
            heals="When the clock is right again.",
            person="Mend NTP.",
            proofs=(
                _QUEUE,
                _OFF,
                "integration/test_clock_went_back.py::test_what_a_dead_writer_had_is_taken_over",
            ),
        ),
        Mode.HALF_CUT_OFF: SameAs(
            "clock", Mode.WRONG, "Some machines have the right time, and others do not.", (_OFF,),
        ),
    },
)  # fmt: skip
