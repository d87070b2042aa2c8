"""An operator's mistake."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, error, limit, page, runbook, setting
from holdfast.shared import errors

DEPENDENCY = Dependency(
    "operator",
    "Somebody with rights who does the wrong thing.",
    {
        Mode.GONE: Failure(
            effect=Effect.LOSS,
            clients="Deleted by hand from the stream: those writes are gone, their operations stay `queued`. A deleted "
            "consumer or group: nothing is lost.",
            detected=f"{alert('MessageLoss')}, {alert('LedgerImbalance')}; adopted entries: {alert('OrphansAdopted')}.",
            heals="Entries that are still on the stream are handed out again.",
            person=f"{runbook('MessageLoss')}: inform the clients.",
            proofs=(
                "observed/test_auditor.py::test_an_entry_deleted_by_hand_is_missed",
                "observed/test_auditor.py::test_what_is_trimmed_unread_is_lost",
                "integration/test_orphans.py::test_an_orphan_found_while_its_writer_works_takes_effect_once",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.LATER,
            clients="A row that somebody locks: its entity's writes wait, and beyond a bound those alone are refused.",
            detected=f"The backlog error of one entity; {alert('PipelineStale')}.",
            heals="When the lock is gone.",
            person="`SHOW PROCESSLIST`; end the session.",
            proofs=(
                "integration/test_api_backlog.py::test_one_locked_row_closes_the_shop_for_its_user_only",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.NOTHING,
            clients="A replay of many letters runs beside the clients' writes, at a pace that leaves them room.",
            detected="The replay's page.",
            heals="It slows down by itself, and pauses while a breaker is open.",
            person=f"{page('operations/stop.md', 'Pause or stop')} it.",
            proofs=(
                "unit/test_replay_pace.py::test_it_stops_for_the_sake_of_others",
                "replays/test_sending.py::test_an_open_breaker_of_a_writer_is_seen_on_the_board",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.COPIES,
            clients="A changed password, a right taken away, a dropped column: as that store answering errors. So is a "
            "dropped index of unique values or primary key: what it keeps apart is not written without it. An index of "
            "the same name that is not unique: a value may have two holders until somebody comes.",
            detected=f"The store's own words at `/health` and in the log; {alert('LoopCrashing')}, "
            f"{alert('UniquenessLost')}.",
            heals="When it is put back.",
            person=f"{runbook('LoopCrashing')}, {runbook('UniquenessLost')}.",
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
            clients="A setting that makes no sense stops the service at its start. A wrong edit can be undone; an "
            "entry made by hand harms nobody, nor does a claim on the writers' entries by hand; one person alone can "
            "change only so many letters.",
            detected="The start fails and names the setting; the audit names the person.",
            heals="A breaker forced by an operator is free again after "
            f"{limit('OVERRIDE_S')}, unless another time was given.",
            person=f"Take it back: {page('operations/fix.md', 'edits')}, {page('operations/discard.md', 'discards')}.",
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
            clients="Nothing. More letters at once than allowed, or a limit used up: refused, "
            f"{error(errors.SelectionTooLarge)}, {error(errors.AllowanceUsedUp)}.",
            detected="The refused request; the audit.",
            heals=f"The allowance comes back after {setting('dlq_approve_window_s')}.",
            person="Another person has to allow it.",
            proofs=(
                "dead_letters/test_rest.py::test_more_than_one_call_may_change_is_refused",
                "replays/test_allowance.py::test_a_second_person_allows_more",
                "replays/test_replays.py::test_a_large_one_needs_a_second_person",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.LOSS,
            clients="`FLUSHALL`, a restore of an older backup, the stream under another name for a while, a lost "
            "secret: as that store losing what it had. With "
            "another idempotency secret repeated requests count as new. A setting that gives up durability: nothing, "
            "until the power goes.",
            detected=f"{alert('MessageLoss')}, {alert('LedgerImbalance')}. The setting: {alert('DurabilityReduced')}.",
            heals="What is left goes on.",
            person=f"{runbook('MessageLoss')}. {page('promises.md', 'What is not promised')}.",
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
        Mode.READ_ONLY: SameAs("database", Mode.READ_ONLY, "`read_only` that was left on.", (
            "faults/test_switch.py::test_the_primary_is_switched",
        )),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Two operators who change the same: the second one sees that it has changed.",
            detected="The refused request; the audit.",
            heals="A change for a time ends by itself.",
            person="Look again.",
            proofs=(
                "integration/test_external_config.py::test_two_operators_do_not_overwrite_one_another",
                "integration/test_external_config.py::test_a_change_for_a_time_ends_by_itself",
                "dead_letters/test_store.py::test_two_who_discard_the_same_do_it_once",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.COPIES,
            clients="A breaker forced open, for one replica or for all: as that dependency gone, for them.",
            detected=f"`make circuit-status` says who, why and until when; {alert('BreakerOpen')}.",
            heals="It ends by itself.",
            person="Lift it.",
            proofs=(
                "integration/test_fleet.py::test_one_replica_alone",
                "integration/test_fleet.py::"
                    "test_forced_open_every_writer_pauses_also_one_that_starts_meanwhile",
            ),
        ),
    },
)  # fmt: skip
