"""dlq_admin."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, metric, page, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_INDEXER = "dead_letters/test_indexer.py"

DEPENDENCY = Dependency(
    "dlq_admin",
    "dlq_admin handles dead letters, replays, the console and the ledger. No client waits for it.",
    {
        Mode.GONE: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Dead letters collect on their stream, on disk; replays pause; the ledger is not read.",
            detected=f"{alert('TargetDown')}; {alert('ProbeStale')}; {alert('DeadLettersStale')}.",
            heals=f"Another replica goes on after {setting('dlq_lease_s')}, or dlq_admin does when it starts again. "
            "No letter is sent twice.",
            person=f"Start it: {page('operations/outages.md', 'outages')}. This is not urgent.",
            proofs=(
                f"{_INDEXER}::test_killed_between_commit_and_acknowledge",
                "replays/test_replays.py::test_kill_9_of_its_driver_sends_nothing_twice",
                "make verify",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing.",
            detected=f"`/livez` fails when a round of the reading loop takes longer than {setting('dlq_turn_max_s')}; "
            f"{alert('TargetDown')}, {alert('ProbeStale')}.",
            heals="A replica that lost its lease can change nothing when it resumes.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=(
                "replays/test_lease.py::test_only_one_holds_it",
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "integration/test_liveness.py::test_a_loop_that_hangs_is_not_alive",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.OPERATORS,
            clients=f"Nothing. A page waits {setting('dlq_read_timeout_s')} for the table, then shows what is on the "
            "stream.",
            detected=f"{metric(metrics.index_duration)} rises; {alert('ProbeStale')}.",
            heals="When it is fast again.",
            person=f"Follow {runbook('ProbeStale')}.",
            proofs=(
                "dead_letters/test_without_stores.py::test_new_letters_are_listed_from_the_stream",
                "make bench-dlq",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. A part of a page that fails is marked; the rest of the page is shown.",
            detected=f"{metric(metrics.panics)}; {alert('LoopCrashing')}.",
            heals="A letter that cannot be stored stays on the stream and blocks no other letter.",
            person=f"Follow {runbook('LoopCrashing')}.",
            proofs=(
                "console/test_strangers_data.py::test_a_part_that_fails_says_so",
                f"{_INDEXER}::test_what_the_table_does_not_take_stays_alone",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. The writers' own code decides a what-if. A replay that goes wrong stops after its "
            "canary.",
            detected="The replay shows its results letter by letter. The audit is a chain, so a change in it is found.",
            heals="A replayed letter that fails again is a letter again.",
            person=f"{page('operations/stop.md', 'Stop or recall')} the replay.",
            proofs=(
                "dead_letters/test_what_if.py::test_every_verdict_at_once",
                "replays/test_replays.py::test_it_stops_by_itself_and_goes_on",
                "dead_letters/test_seals.py::test_tampering_is_found",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Selections, files and alerts beyond a limit are refused or cut, and the answer says so.",
            detected="The request is refused.",
            heals="Work is done in pages.",
            person="Select less at once.",
            proofs=(
                "dead_letters/test_rest.py::test_more_than_one_call_may_change_is_refused",
                "dead_letters/test_edits.py::test_huge_letters_are_not_held_in_memory_together",
                "console/test_alerts.py::test_ten_thousand_are_too_many_to_show",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing: all its state is in the stores.",
            detected="Not needed.",
            heals="A new process reads announced faults, replays and alerts from the stores.",
            person="Log in again, if `HOLDFAST_DLQ_SESSION_SECRET` is not set.",
            proofs=(
                "observed/test_faults.py::test_whoever_starts_again_still_knows",
                "replays/test_lease.py::test_every_move_is_counted_once",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. With a database that takes no writes, letters can be read, decisions are refused "
            f"({error(errors.DatabaseUnavailable)}), and nothing leaves the stream.",
            detected=f"{alert('DeadLettersStale')}.",
            heals="It holds, and goes on when the database takes writes.",
            person=f"Mend the database: {runbook('DeadLettersStale')}.",
            proofs=(f"{_INDEXER}::test_without_its_database_nothing_leaves_the_stream",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing.",
            detected=f"{alert('TargetDown')}.",
            heals="Each letter is in the table once, however often replicas die.",
            person=f"Follow {runbook('TargetDown')}.",
            proofs=(f"{_INDEXER}::test_killed_again_and_again", "make verify"),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Without the queue, the table still answers, and numbers that only Redis knows are not "
            "shown as zero. Without the cache, each replica knows only the alerts that were sent to it.",
            detected=f"{alert('ProbeStale')}.",
            heals="Letters that were being sent are looked up, and not sent twice.",
            person=f"Check the network between the two: {runbook('ProbeStale')}.",
            proofs=(
                "dead_letters/test_without_stores.py::test_without_its_queue_what_is_indexed_is_there",
                "observed/test_auditor.py::test_without_the_queue_its_looks_go_stale",
                "console/test_alerts.py::test_other_replicas_hear_of_it",
            ),
        ),
    },
)
