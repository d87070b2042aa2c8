"""dlq_admin."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, error, metric, page, runbook, setting
from holdfast.shared import errors
from holdfast.shared.telemetry import metrics

_INDEXER = "dead_letters/test_indexer.py"

DEPENDENCY = Dependency(
    "dlq_admin",
    "Dead letters, replays, the console, the ledger. No client waits for it.",
    {
        Mode.GONE: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Dead letters collect on their stream, on disk; replays pause; the ledger is not read.",
            detected=f"{alert('TargetDown')}; {alert('ProbeStale')}; {alert('DeadLettersStale')}.",
            heals=f"Another replica goes on after {setting('dlq_lease_s')}, or the next start does. No letter is sent "
            "twice.",
            person=f"Start it: {page('operations/outages.md', 'outages')}. Nothing is urgent.",
            proofs=(
                f"{_INDEXER}::test_killed_between_commit_and_acknowledge",
                "replays/test_replays.py::test_kill_9_of_its_driver_sends_nothing_twice",
                "make verify",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing.",
            detected=f"`/livez` fails when a turn takes longer than {setting('dlq_turn_max_s')}; "
            f"{alert('TargetDown')}, {alert('ProbeStale')}.",
            heals="Who lost the lease can change nothing any more when it wakes up.",
            person=f"Kill it: {runbook('TargetDown')}.",
            proofs=(
                "replays/test_lease.py::test_only_one_holds_it",
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
                "integration/test_liveness.py::test_a_loop_that_hangs_is_not_alive",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.OPERATORS,
            clients=f"Nothing. A page waits for the table for {setting('dlq_read_timeout_s')}, then shows what is on "
            "the stream.",
            detected=f"{metric(metrics.index_duration)}; {alert('ProbeStale')}.",
            heals="By itself.",
            person=f"{runbook('ProbeStale')}.",
            proofs=(
                "dead_letters/test_without_stores.py::test_new_letters_are_listed_from_the_stream",
                "make bench-dlq",
            ),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. A part of a page that fails says so; the rest of the page is there.",
            detected=f"{metric(metrics.panics)}; {alert('LoopCrashing')}.",
            heals="A letter that cannot be stored stays on the stream and keeps no other out.",
            person=f"{runbook('LoopCrashing')}.",
            proofs=(
                "console/test_strangers_data.py::test_a_part_that_fails_says_so",
                f"{_INDEXER}::test_what_the_table_does_not_take_stays_alone",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. A what-if is decided by the writers' own code. A replay that goes wrong stops after its "
            "canary.",
            detected="The replay's results, letter by letter; the audit is a chain, so that a change in it is found.",
            heals="What failed again is a letter again.",
            person=f"{page('operations/stop.md', 'Stop or recall')} the replay.",
            proofs=(
                "dead_letters/test_what_if.py::test_every_verdict_at_once",
                "replays/test_replays.py::test_it_stops_by_itself_and_goes_on",
                "dead_letters/test_seals.py::test_tampering_is_found",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Selections, files and alerts beyond a bound are refused or cut, and say so.",
            detected="The refused request.",
            heals="Work is done in pages.",
            person="Choose less at once.",
            proofs=(
                "dead_letters/test_rest.py::test_more_than_one_call_may_change_is_refused",
                "dead_letters/test_edits.py::test_huge_letters_are_not_held_in_memory_together",
                "console/test_alerts.py::test_ten_thousand_are_too_many_to_show",
            ),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing: all of it is in the stores.",
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
            clients=f"Nothing. With a database that takes no writes: letters can be read; decisions are refused, "
            f"{error(errors.DatabaseUnavailable)}; nothing leaves the stream.",
            detected=f"{alert('DeadLettersStale')}.",
            heals="It holds, and goes on by itself.",
            person=f"As the database: {runbook('DeadLettersStale')}.",
            proofs=(f"{_INDEXER}::test_without_its_database_nothing_leaves_the_stream",),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing.",
            detected=f"{alert('TargetDown')}.",
            heals="Each letter is in the table once, however often replicas die.",
            person=f"{runbook('TargetDown')}.",
            proofs=(f"{_INDEXER}::test_killed_again_and_again", "make verify"),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Without the queue the table answers, and what only Redis knows is not shown as zero; "
            "without the cache each replica knows what it was sent.",
            detected=f"{alert('ProbeStale')}.",
            heals="Letters that were being sent are looked up, not sent twice.",
            person=f"The network between: {runbook('ProbeStale')}.",
            proofs=(
                "dead_letters/test_without_stores.py::test_without_its_queue_what_is_indexed_is_there",
                "observed/test_auditor.py::test_without_the_queue_its_looks_go_stale",
                "console/test_alerts.py::test_other_replicas_hear_of_it",
            ),
        ),
    },
)
