"""An operator's mistake."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, error, limit, page, runbook, setting
from holdfast.shared import errors

DEPENDENCY = Dependency(
    "operator",
    "A person with rights who does the wrong thing.",
    {
        Mode.GONE: Failure(
            effect=Effect.LOSS,
            clients="Entries deleted from the stream by hand: those writes are gone, and their operations stay "
            "`queued`. A deleted consumer or group: nothing is lost.",
            detected=f"{alert('MessageLoss')}, {alert('LedgerImbalance')}; for adopted entries: "
            f"{alert('OrphansAdopted')}.",
            heals="Entries that are still on the stream are handed out again.",
            person=f"Inform the clients: {runbook('MessageLoss')}.",
            proofs=(
                "observed/test_auditor.py::test_an_entry_deleted_by_hand_is_missed",
                "observed/test_auditor.py::test_what_is_trimmed_unread_is_lost",
                "integration/test_orphans.py::test_an_orphan_found_while_its_writer_works_takes_effect_once",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.LATER,
            clients="An operator locks a row: writes to its entity wait, and beyond a limit only writes to that "
            "entity are refused.",
            detected=f"Clients get the backlog error for one entity; {alert('PipelineStale')}.",
            heals="When the lock is released.",
            person="Run `SHOW PROCESSLIST`, and end the session.",
            proofs=(
                "integration/test_api_backlog.py::test_one_locked_row_closes_the_shop_for_its_user_only",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.NOTHING,
            clients="Nothing. A replay of many letters runs beside the clients' writes, at a pace that leaves them "
            "room.",
            detected="The replay's page shows it.",
            heals="The replay slows down by itself, and pauses while a breaker is open.",
            person=f"{page('operations/stop.md', 'Pause or stop')} the replay.",
            proofs=(
                "unit/test_replay_pace.py::test_it_stops_for_the_sake_of_others",
                "replays/test_sending.py::test_an_open_breaker_of_a_writer_is_seen_on_the_board",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="A changed password, a revoked right or a dropped column: same as that store answering errors. "
            "The same holds for a dropped primary key or unique index: writes that need it are not applied without "
            "it. An index of the same name that is not unique: a value may have two holders until a person mends it.",
            detected=f"`/health` and the log show the store's own text; {alert('LoopCrashing')}, "
            f"{alert('UniquenessLost')}.",
            heals="When it is put back.",
            person=f"Follow {runbook('LoopCrashing')} or {runbook('UniquenessLost')}.",
            proofs=(
                "faults/test_refused.py::test_a_missing_right",
                "integration/test_kept_apart.py::test_without_the_index_nobody_gets_a_value",
                "integration/test_kept_apart.py::test_without_a_primary_key_no_value_is_given",
                "observed/test_uniqueness.py::test_a_lost_key_is_named",
                "integration/test_writer_evidence.py::test_no_fault_of_the_database_is_charged_to_an_entry",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="An invalid setting stops the service when it starts. A wrong edit can be undone. An entry made "
            "by hand does no harm, nor does an `XCLAIM` of the writers' entries by hand. One person alone can change "
            "a limited number of letters.",
            detected="The start fails and names the setting; the audit names the person.",
            heals=f"An operator's override of a breaker ends after {limit('OVERRIDE_S')}, unless another time was "
            "given.",
            person=f"Undo it: {page('operations/fix.md', 'edits')}, {page('operations/discard.md', 'discards')}.",
            proofs=(
                "unit/test_settings.py::test_a_misspelt_key_stops_the_start",
                "unit/test_budget.py::test_settings_the_wrong_way_round_stop_the_start",
                "dead_letters/test_edits.py::test_a_transform_is_seen_made_and_taken_back",
                "integration/test_version_floor.py::test_junk_by_hand_harms_nobody",
                "integration/test_writer_crash_loop.py::test_claims_by_hand_are_no_evidence",
                "unit/test_breaker_machine.py::test_forced_open_ends_by_itself_and_then_probes",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. A request for more letters than allowed, or beyond a used-up allowance, is refused: "
            f"{error(errors.SelectionTooLarge)}, {error(errors.AllowanceUsedUp)}.",
            detected="The request is refused; the audit has it.",
            heals=f"The allowance returns after {setting('dlq_approve_window_s')}.",
            person="Another person has to allow more.",
            proofs=(
                "dead_letters/test_rest.py::test_more_than_one_call_may_change_is_refused",
                "replays/test_allowance.py::test_a_second_person_allows_more",
                "replays/test_replays.py::test_a_large_one_needs_a_second_person",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="`FLUSHALL`, a restore of an older backup, a stream that was renamed for a while: same as that "
            "store losing what it had. With a lost or another idempotency secret, repeated requests count as new. A "
            "setting that gives up durability: nothing, until the power fails.",
            detected=f"{alert('MessageLoss')}, {alert('LedgerImbalance')}. For the setting: "
            f"{alert('DurabilityReduced')}.",
            heals="Work goes on with what is left.",
            person=f"Follow {runbook('MessageLoss')}. See {page('promises.md', 'What is not promised')}.",
            proofs=(
                "integration/test_writer_outages.py::test_a_flushed_redis",
                "observed/test_epoch_histories.py::test_a_stream_that_was_renamed_and_is_back",
                "faults/test_restored.py::test_an_older_database_is_seen_and_worked_with",
                "observed/test_durability.py::test_a_setting_of_the_queue",
                "observed/test_durability.py::test_what_is_not_on_disk_at_once",
                "observed/test_durability.py::test_the_setting_of_the_database",
                "replays/test_every_letter_ends.py::test_an_entry_that_vanishes",
            ),
        ),
        Mode.READ_ONLY: SameAs("database", Mode.READ_ONLY, "An operator left `read_only` on.", (
            "faults/test_switch.py::test_the_primary_is_switched",
        )),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Two operators change the same thing: the second request is refused, because its target has "
            "changed.",
            detected="The request is refused; the audit has it.",
            heals="A temporary change ends by itself.",
            person="Look at the new state, then decide again.",
            proofs=(
                "integration/test_external_config.py::test_two_operators_do_not_overwrite_one_another",
                "integration/test_external_config.py::test_a_change_for_a_time_ends_by_itself",
                "dead_letters/test_store.py::test_two_who_discard_the_same_do_it_once",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="A breaker is forced open, for one replica or for all: same as that dependency gone, for these "
            "replicas.",
            detected=f"`make circuit-status` shows the operator, the reason and the end; {alert('BreakerOpen')}.",
            heals="The override ends by itself.",
            person="Lift the override.",
            proofs=(
                "integration/test_fleet.py::test_one_replica_alone",
                "integration/test_fleet.py::"
                    "test_forced_open_every_writer_pauses_also_one_that_starts_meanwhile",
            ),
        ),
    },
)  # fmt: skip
