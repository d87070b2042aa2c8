"""The cache Redis."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import alert, limit, metric, runbook, setting
from holdfast.shared.telemetry import metrics

_MISBEHAVES = "faults/test_cache.py::test_whatever_the_cache_does_reads_are_fresh"
_NOBODY = "This is not urgent."

DEPENDENCY = Dependency(
    "cache",
    "The cache Redis. It holds copies, the breakers' board, rate limits and explanations.",
    {
        Mode.GONE: Failure(
            effect=Effect.NOTHING,
            clients="Nothing, while the database answers. If the database is down too, each process serves its own "
            "copies. n replicas together allow n times the rate limit.",
            detected=f"{alert('TargetDown')}, {alert('BreakerOpen')}; {metric(metrics.rate_limiter_degraded)}. "
            "`make circuit-status` shows other replicas as stale.",
            heals="Copies that the cache did not take are put again; rate limits are counted together again.",
            person=f"Start the cache: {runbook('BreakerOpen')}. {_NOBODY}",
            proofs=(
                "faults/test_cache.py::test_copies_are_a_help_and_no_need[killed]",
                "integration/test_rate_limit.py::test_when_the_cache_redis_goes_away",
                "integration/test_fleet.py::test_with_the_board_away_an_api_still_shows_and_obeys_itself",
            ),
        ),
        Mode.HANGING: Failure(
            effect=Effect.NOTHING,
            clients=f"The first requests wait for {setting('cache_timeout_s')} or {limit('RATE_LIMIT_TIMEOUT_S')} "
            "each; later requests do not wait.",
            detected=f'{alert("BreakerOpen")}; {metric(metrics.cache_requests)} counts `result="error"`.',
            heals="Same as *gone*.",
            person=f"Check its host: {runbook('BreakerOpen')}.",
            proofs=(
                "faults/test_cache.py::test_copies_are_a_help_and_no_need[frozen]",
                "integration/test_rate_limit_count.py::test_a_hung_redis_costs_a_few_calls_and_then_nothing",
            ),
        ),
        Mode.SLOW: Failure(
            effect=Effect.SLOWER,
            clients=f"Each lookup takes at most {setting('cache_timeout_s')}; beyond that, same as *hanging*.",
            detected=f"{metric(metrics.dependency_call_duration)} rises; {alert('BreakerOpen')}.",
            heals="When the cache is fast again.",
            person=f"Follow {runbook('BreakerOpen')}.",
            proofs=(_MISBEHAVES,),
        ),
        Mode.ERRORS: Failure(
            effect=Effect.NOTHING,
            clients="Nothing: reads are fresh, and writes are accepted.",
            detected=f'{metric(metrics.cache_requests)} counts `result="error"`; {alert("LoopCrashing")}.',
            heals="When the cache answers again.",
            person=f"Mend the password or the right: {runbook('LoopCrashing')}.",
            proofs=(_MISBEHAVES, "faults/test_refused.py::test_a_wrong_password"),
        ),
        Mode.WRONG: Failure(
            effect=Effect.NOTHING,
            clients="A value that is not a copy of this build counts as a miss. Of two copies, the newer is served. "
            "No copy holds a deleted entity.",
            detected=f"{metric(metrics.fallback_checked)} shows copies that differ from their rows, while the "
            "database is up.",
            heals="The next read replaces the copy.",
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
            clients="The cache evicts the least used copies (`allkeys-lru`); in an outage of the database, reads of "
            "evicted copies are `503`. A page with a missing copy is not served. If the cache refuses writes "
            "instead, same as *answering errors*.",
            detected=f"{metric(metrics.cache_requests)} counts more misses.",
            heals="Reads and commits put copies back.",
            person="Give the cache more memory. It never takes memory from the queue.",
            proofs=(_MISBEHAVES, "integration/test_copies.py::test_a_page_that_is_not_whole_is_no_copy"),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing, while the database answers. Rate limits start from zero.",
            detected=f"{metric(metrics.cache_requests)} counts more misses.",
            heals="Reads and commits fill the cache again; external_proxy writes its last good answer back.",
            person="Nothing.",
            proofs=(
                _MISBEHAVES,
                "integration/test_external_config.py::test_without_redis_it_goes_on_as_it_was",
            ),
        ),
        Mode.READ_ONLY: Failure(
            effect=Effect.NOTHING,
            clients="Reads are fresh. Copies grow old; each states its age.",
            detected=f"{metric(metrics.board_beats)} and {metric(metrics.cache_requests)} count errors; "
            f"{alert('LoopCrashing')}.",
            heals="When the cache takes writes again.",
            person=f"Follow {runbook('LoopCrashing')}.",
            proofs=(_MISBEHAVES,),
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.NOTHING,
            clients="Nothing.",
            detected=f"{alert('BreakerFlapping')}.",
            heals="When the cache stays up.",
            person=f"Follow {runbook('BreakerFlapping')}.",
            proofs=(
                _MISBEHAVES,
                "verify/test_verify_short.py::test_every_promise_is_kept_while_everything_is_broken",
            ),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.NOTHING,
            clients="Same as *hanging*. A deleted entity is not shown, even if the message about the delete did not "
            "reach the cache.",
            detected=f"Same as *hanging*: {alert('BreakerOpen')}.",
            heals="Each api learns of deletes from the database, and applies them to the cache and to its own memory.",
            person=f"Check the network between the two: {runbook('BreakerOpen')}.",
            proofs=(_MISBEHAVES, "faults/test_copies.py::test_the_message_is_lost"),
        ),
    },
)
