"""The cache Redis."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, limit, metric, runbook, setting
from holdfast.shared.telemetry import metrics

_MISBEHAVES = "faults/test_cache.py::test_whatever_the_cache_does_reads_are_fresh"
_NOBODY = "Nothing is urgent."

DEPENDENCY = Dependency(
    "cache",
    "The cache Redis: copies, the breakers' board, rate limits, explanations.",
    {
        Mode.GONE: Failure(
            effect=Effect.NOTHING,
            clients="Nothing, while the database answers. Without it too: each process's own copies. n replicas allow "
            "n times the rate limit.",
            detected=f"{alert('TargetDown')}, {alert('BreakerOpen')}; {metric(metrics.rate_limiter_degraded)}. "
            "`make circuit-status` shows other replicas as stale.",
            heals="Copies that were not taken are put again; limits are counted together again.",
            person=f"Start it: {runbook('BreakerOpen')}. {_NOBODY}",
            proofs=(
                "faults/test_cache.py::test_copies_are_a_help_and_no_need[killed]",
                "integration/test_rate_limit.py::test_when_the_cache_redis_goes_away",
                "integration/test_fleet.py::test_with_the_board_away_an_api_still_shows_and_obeys_itself",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.NOTHING,
            clients=f"The first requests wait for {setting('cache_timeout_s')} or {limit('RATE_LIMIT_TIMEOUT_S')} "
            "each, the others not.",
            detected=f'{alert("BreakerOpen")}; {metric(metrics.cache_requests)} with `result="error"`.',
            heals="As gone.",
            person=f"Its host: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_cache.py::test_copies_are_a_help_and_no_need[frozen]",
                "integration/test_rate_limit_count.py::test_a_hung_redis_costs_a_few_calls_and_then_nothing",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.SLOWER,
            clients=f"At most {setting('cache_timeout_s')} for each look, then as hanging.",
            detected=f"{metric(metrics.dependency_call_duration)}; {alert('BreakerOpen')}.",
            heals="By itself.",
            person=f"{runbook('BreakerOpen')}.",
            proofs=(_MISBEHAVES,),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.NOTHING,
            clients="Reads are fresh, writes are accepted.",
            detected=f'{metric(metrics.cache_requests)} with `result="error"`; {alert("LoopCrashing")}.',
            heals="By itself, when it answers.",
            person=f"Mend the password or the right: {runbook('LoopCrashing')}.",
            proofs=(_MISBEHAVES, "faults/test_refused.py::test_a_wrong_password"),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="What is not a copy of this build is a miss; the newer of two copies is shown; nobody who was "
            "deleted is in one.",
            detected=f"{metric(metrics.fallback_checked)}: copies compared with rows while the database is up.",
            heals="The next read replaces it.",
            person="Nothing.",
            proofs=(
                "integration/test_copies.py::test_whatever_is_there_is_a_miss_and_gives_way",
                "integration/test_copies.py::test_of_its_own_and_the_caches_the_newer_is_shown",
                "faults/test_copies.py::test_the_cache_is_back_with_what_it_had",
                "integration/test_external_api.py::test_nonsense_in_the_cache_is_not_an_answer",
            ),
        ),
        Mode.FULL: Failure(
            effect=Effect.NOTHING,
            clients="The least used copies go (`allkeys-lru`); in an outage of the database those are `503`. A page "
            "with a gap is not served. One that refuses writes instead: as answering errors.",
            detected=f"{metric(metrics.cache_requests)}: misses.",
            heals="By itself.",
            person="More memory for it. It never takes memory from the queue.",
            proofs=(_MISBEHAVES, "integration/test_copies.py::test_a_page_that_is_not_whole_is_no_copy"),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing, while the database answers. Limits begin anew.",
            detected=f"{metric(metrics.cache_requests)}: misses.",
            heals="Reads and commits fill it again; external_proxy tells it the configuration in force.",
            person="Nothing.",
            proofs=(
                _MISBEHAVES,
                "integration/test_external_config.py::test_without_redis_it_goes_on_as_it_was",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.NOTHING,
            clients="Reads are fresh. Copies grow old; each says its age.",
            detected=f"{metric(metrics.board_beats)} and {metric(metrics.cache_requests)} with errors; "
            f"{alert('LoopCrashing')}.",
            heals="By itself, when it takes writes.",
            person=f"{runbook('LoopCrashing')}.",
            proofs=(_MISBEHAVES,),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing.",
            detected=f"{alert('BreakerFlapping')}.",
            heals="By itself.",
            person=f"{runbook('BreakerFlapping')}.",
            proofs=(
                _MISBEHAVES,
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.NOTHING,
            clients="As hanging. A delete whose message to the cache was lost is still shown by nobody.",
            detected=f"As hanging: {alert('BreakerOpen')}.",
            heals="An api learns of deletes from the database, for the cache and for its own memory.",
            person=f"The network between: {runbook('BreakerOpen')}.",
            proofs=(_MISBEHAVES, "faults/test_copies.py::test_the_message_is_lost"),
        ),
    },
)
