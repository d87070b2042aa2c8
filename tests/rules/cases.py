"""Cases: for every alert one in which it fires, and one in which it nearly does. Each profile has the same cases, at
its own times."""

from dataclasses import replace

from deploy.rules.profile import Profile, seconds
from tests.rules.case import (
    APPLIED,
    ATTEMPTS,
    BREAKER,
    COMMITTED,
    CRASHES,
    DEAD,
    DURABILITY,
    ENTRIES,
    EPOCHS,
    FAILED,
    FAULT_ACTIVE,
    FAULT_END,
    GOOD,
    HALTED,
    HEARTBEAT,
    HOLDING,
    LETTERS_OLDEST,
    LETTERS_OPEN,
    LOOK_S,
    LOST,
    MISSING,
    MOVES,
    MYSQL_UP,
    OLDEST,
    ORPHANS,
    PROBE,
    QUEUE_UP,
    RECREATED,
    REFUSED,
    REQUESTS,
    REWRITE,
    UNIQUENESS,
    UNREAD,
    UP_API,
    UP_WRITER,
    Case,
    Firing,
    Scene,
)  # fmt: skip

API = {"job": "api"}
WRITES = {"stream": "writes"}
DATABASE = {"breaker": "database"}


def cases(profile: Profile) -> list[Case]:
    """Return all cases."""
    scene = Scene(profile)
    return [
        Case("a quiet day", {}, {scene.every_s: (), scene.fault_s: (), scene.late_s: ()}),
        *_requests(scene), *_slow_burn(profile), *_degraded(scene), *_pipeline(scene), *_loss(scene), *_stuck(scene),
        *_letters(scene), *_breakers(scene), *_retries(scene), *_watching(scene), *_recovery(scene),
    ]  # fmt: skip


def _burning(profile: Profile, *, slow: bool = True, value: str = "") -> tuple[Firing, ...]:
    burns = profile.burns if slow else profile.burns[:2]
    names = ("AvailabilityBurnFast",) * 2 + ("AvailabilityBurnSlow",) * 2
    return tuple(Firing(name, API | {"window": one.long}, value) for name, one in zip(names, burns, strict=False))


def _requests(scene: Scene) -> list[Case]:
    fault, step = scene.fault_s, scene.every_s
    # A service that has just started soon spends its budget: the slow windows hold no more data than the fast ones.
    slow_step = seconds(scene.profile.slow_interval)
    soon = fault + 2 * max(step, slow_step)
    everything = _burning(scene.profile)
    return [
        Case("a total outage pages at the second look", {GOOD: scene.rate(50, 0), FAILED: scene.rate(0, 50)},
             {fault: (), soon: everything, fault + 20 * step: everything}),
        Case("what is refused without a route counts; paths that we do not have do not make up for it",
             {GOOD: scene.rate(50, 0), REQUESTS % ("unmatched", "rejected"): scene.rate(0, 50),
              REQUESTS % ("unmatched", "good"): scene.rate(5000)}, {fault: (), soon: everything}),
        Case("one failure of two requests is an accident",
             {GOOD: scene.rate(0), FAILED: scene.jump(1), REQUESTS % ("/users", "degraded"): scene.jump(1)},
             {fault + number * step: () for number in (1, 4, 12, 60)},
             nearly=("AvailabilityBurnFast", "AvailabilityBurnSlow", "DegradedHidesOutage")),
        Case("who hung up, what a demo crashes on purpose, and our own looks are no clients who suffer",
             {REQUESTS % ("/users", "abandoned"): scene.rate(0, 50), REQUESTS % ("/panic", "failed"): scene.rate(0, 50),
              REQUESTS % ("/readyz", "rejected"): scene.rate(0, 50),
              REQUESTS % ("/circuit-breaker/status", "failed"): scene.rate(0, 50)},
             {fault + number * step: () for number in (2, 20)}, nearly=("AvailabilityBurnFast",)),
    ]  # fmt: skip


def _slow_burn(profile: Profile) -> list[Case]:
    """Return cases with few samples over many hours, so that rules that look at minutes have no data."""
    every_s = seconds(profile.burns[2].short) // 4
    scene = Scene(profile, every_s)
    late = 160 * every_s
    slow = _burning(profile, value="0.5%")[2:]
    empty = {ENTRIES: scene.steady(0)}
    return [
        Case("a small share of failures, for long, is a ticket",
             {**empty, GOOD: scene.rate(0.995), FAILED: scene.rate(0.005)}, {late: slow}, every_s=every_s),
        Case("a share within the budget is nobody's business",
             {**empty, GOOD: scene.rate(0.9995), FAILED: scene.rate(0.0005)}, {late: ()}, every_s=every_s,
             nearly=("AvailabilityBurnSlow",)),
    ]  # fmt: skip


def _degraded(scene: Scene) -> list[Case]:
    lasting = seconds(scene.profile.degraded_lasting)
    fault = scene.fault_s
    degraded = REQUESTS % ("/users/{user_id}", "degraded")
    return [
        Case("all answers are degraded: served, and an outage", {GOOD: scene.rate(50, 0), degraded: scene.rate(0, 50)},
             {fault + 30: (), fault + 60 + lasting + 2 * scene.every_s: (Firing("DegradedHidesOutage", API, "100%"),)}),
        Case("four of ten answers are degraded", {GOOD: scene.rate(50, 30), degraded: scene.rate(0, 20)},
             {scene.late_s: ()}, nearly=("DegradedHidesOutage",)),
    ]  # fmt: skip


def _pipeline(scene: Scene) -> list[Case]:
    profile, fault, step = scene.profile, scene.fault_s, scene.every_s
    stale_at = fault + profile.stale_s + seconds(profile.stale_lasting) + 2 * step
    heartbeat_at = fault + profile.heartbeat_s + step
    blind_at = fault + profile.blind_s + step
    stale = Firing("PipelineStale", WRITES, _duration(stale_at - fault))
    blind = Firing("ProbeStale", {}, _duration(blind_at - fault), "ledger")
    late = Firing("HeartbeatStale", {}, _duration(heartbeat_at - fault), "committed")
    return [
        Case("the oldest write waits", {OLDEST % "writes": scene.frozen()},
             {fault + profile.stale_s: (), stale_at: (stale,)}),
        Case("writes wait, and not long", {OLDEST % "writes": scene.behind(profile.stale_s - 1)}, {scene.late_s: ()},
             nearly=("PipelineStale",)),
        Case("heartbeats are accepted and not committed", {COMMITTED: scene.frozen()},
             {heartbeat_at - step: (), heartbeat_at: (late,)}),
        Case("the queue takes none, so all stages are late",
             {COMMITTED: scene.frozen(), HEARTBEAT % ("api", "api", "accepted"): scene.frozen()},
             {heartbeat_at - step: (), heartbeat_at: (replace(late, names="accepted, committed"),)}),
        Case("none is accepted behind one that is stuck: that is not accepting's delay",
             {COMMITTED: scene.frozen(), HEARTBEAT % ("api", "api", "accepted"): scene.held(2 * step)},
             {heartbeat_at + 4 * step: (replace(late, value=_duration(heartbeat_at + 4 * step - fault)),)}),
        Case("one of two writers sees no heartbeat: the other had them",
             {COMMITTED.replace("writer-0", "writer-1"): scene.frozen()}, {scene.late_s: ()},
             nearly=("HeartbeatStale",)),
        Case("nobody sees the ledger any more", {PROBE % "ledger": scene.frozen()},
             {blind_at - step: (), blind_at: (blind,)}),
        Case("the database is away, and many probes with it: one alert",
             {PROBE % name: scene.frozen() for name in ("ledger", "queue")},
             {blind_at - step: (), blind_at: (replace(blind, names="ledger, queue"),)}),
        Case("the ledger takes long, and so is looked at seldom",
             {PROBE % "ledger": scene.frozen(), LOOK_S % "ledger": scene.steady(5)}, {blind_at: ()},
             nearly=("ProbeStale",)),
        Case("one of two auditors is blind", {(PROBE % "ledger").replace('="dlq_admin",p', '="b",p'): scene.frozen()},
             {scene.late_s: ()}, nearly=("ProbeStale",)),
    ]  # fmt: skip


def _loss(scene: Scene) -> list[Case]:
    fault, step = scene.fault_s, scene.every_s
    return [
        Case("entries that a writer held are gone", {LOST: scene.jump(2)},
             {fault - step: (), fault: (Firing("MessageLoss", {"job": "writer", "detector": "reclaim"}),)}),
        Case("entries are gone that nobody read", {UNREAD: scene.then(0, 2)},
             {fault - step: (), fault: (Firing("MessageLoss", WRITES | {"detector": "unread"}, "2"),)}),
        Case("a consumer group has vanished", {RECREATED: scene.jump(1)},
             {fault - step: (), fault: (Firing("MessageLoss", {"job": "writer", "detector": "memory"}),)}),
        Case("the queue went back", {EPOCHS % "went_back": scene.jump(1)},
             {fault - step: (), fault: (Firing("MessageLoss", {"job": "dlq_admin", "detector": "epoch"}),)}),
        Case("the queue moved to a replica that had everything", {EPOCHS % "moved": scene.jump(1)},
             {fault + step: ()}, nearly=("MessageLoss",)),
        Case("a writer was lost and its entries were not",
             {'holdfast_reclaimed_entries_total{job="writer",instance="writer-0"}': scene.jump(9)},
             {fault + step: ()}, nearly=("MessageLoss",)),
        Case("entries were in nobody's pending list", {ORPHANS: scene.jump(4)},
             {fault - step: (), fault: (Firing("OrphansAdopted", WRITES),)}),
        Case("entries were taken over from a writer that had them",
             {'holdfast_reclaimed_entries_total{job="writer",instance="writer-0"}': scene.jump(4)},
             {fault + step: ()}, nearly=("OrphansAdopted",)),
        Case("the ledger does not add up", {MISSING: scene.then(0, 3)},
             {fault - step: (), fault: (Firing("LedgerImbalance", {}, "3"),)}),
        Case("the queue is set to answer before it has written", {DURABILITY % "appendfsync": scene.then(0, 1)},
             {fault: (), scene.late_s: (Firing("DurabilityReduced", {"store": "queue", "setting": "appendfsync"}),)}),
        Case("the queue is set right again at once", {DURABILITY % "appendfsync": scene.then(0, 1, scene.every_s)},
             {scene.late_s: ()}, nearly=("DurabilityReduced",)),
        Case("somebody drops the index of unique values", {UNIQUENESS: scene.then(0, 1)},
             {fault: (), scene.late_s: (Firing("UniquenessLost", {"table": "users", "columns": "email_key"}),)}),
        Case("a key is dropped and made anew", {UNIQUENESS: scene.then(0, 1, scene.every_s)},
             {scene.late_s: ()}, nearly=("UniquenessLost",)),
        Case("the queue cannot rewrite its file", {REWRITE: scene.then(0, 4e9)},
             {fault: (), scene.late_s: (Firing("QueueRewriteFailing", {}),)}),
        Case("the queue's next rewrite succeeds", {REWRITE: scene.then(0, 4e9, scene.every_s)},
             {scene.late_s: ()}, nearly=("QueueRewriteFailing",)),
        Case("much is in flight, and all of it accounted for",
             {'holdfast_ledger_writes{job="dlq_admin",instance="dlq_admin",term="in_flight"}': scene.then(0, 9e6)},
             {scene.late_s: ()}, nearly=("LedgerImbalance",)),
    ]  # fmt: skip


def _stuck(scene: Scene) -> list[Case]:
    fault, step = scene.fault_s, scene.every_s
    applied = {APPLIED % "writer-0": scene.rate(20, 0)}
    stalled_at = fault + 60 + seconds(scene.profile.stalled_lasting) + 2 * step
    return [
        Case("writes wait and none is taken", {ENTRIES: scene.steady(5), **applied},
             {fault + 30: (), stalled_at: (Firing("ConsumerStalled", WRITES, "5"),)}),
        Case("writes wait and all writers are gone", {APPLIED % "writer-0": None, HOLDING: None},
             {scene.late_s: (Firing("ConsumerStalled", WRITES, "3"),)}),
        Case("writers hold for the database", {**applied, HOLDING: scene.then(0, 1)}, {scene.late_s: ()},
             nearly=("ConsumerStalled",)),
        Case("nothing waits and nothing is taken", {**applied, ENTRIES: scene.then(3, 0)}, {scene.late_s: ()},
             nearly=("ConsumerStalled",)),
        Case("a writer refuses to dead-letter more", {HALTED % "writer-0": scene.then(0, 1)},
             {fault: (Firing("WriterHalted", {"job": "writer", "instance": "writer-0"}, "1"),)}),
        Case("a writer did so for a while and goes on", {HALTED % "writer-0": scene.then(0, 1, for_s=4 * step)},
             {fault + 5 * step: ()}, nearly=("WriterHalted",)),
    ]  # fmt: skip


def _letters(scene: Scene) -> list[Case]:
    profile, fault, step = scene.profile, scene.fault_s, scene.every_s
    died_s = profile.letters_stale_s + 60 - scene.late_s
    unread_at = fault + 10 * profile.stale_s + step
    decide = Firing("DeadLettersStale", {"waiting_for": "decision"}, _duration(profile.letters_stale_s + 60))
    index = Firing("DeadLettersStale", WRITES | {"stream": "dead_letters", "waiting_for": "index"},
                   _duration(unread_at - fault))  # fmt: skip
    old = {LETTERS_OLDEST: scene.steady(-died_s), LETTERS_OPEN: scene.steady(1)}
    return [
        Case("writes die", {DEAD % "writer-0": scene.jump(4)},
             {fault - step: (), fault: (Firing("DeadLettersGrowing", {"job": "writer", "reason": "invalid_data"}),),
              fault + seconds(profile.growing_over) + 2 * step: ()}),
        Case("writes died long ago", {DEAD % "writer-0": scene.steady(400)}, {scene.late_s: ()},
             nearly=("DeadLettersGrowing",)),
        Case("a letter waits for somebody", old, {fault: (), scene.late_s: (decide,)}),
        Case("an old letter was decided about", {**old, LETTERS_OPEN: scene.steady(0)}, {scene.late_s: ()},
             nearly=("DeadLettersStale",)),
        Case("letters are not indexed", {OLDEST % "dead_letters": scene.frozen()},
             {fault + profile.stale_s * 9: (), unread_at: (index,)}),
    ]  # fmt: skip


def _breakers(scene: Scene) -> list[Case]:
    profile, fault, step = scene.profile, scene.fault_s, scene.every_s
    lasting = seconds(profile.open_lasting)
    opened = {BREAKER % ("api", "closed"): scene.then(1, 0), BREAKER % ("api", "open"): scene.then(0, 1)}
    half = (step // 5) * 5 + lasting // 2 // step * step
    probing = {
        BREAKER % ("api", "closed"): scene.then(1, 0),
        BREAKER % ("api", "half_open"): f"0x{(fault + half) // step - 1} 1 0x{scene.end_s // step}",
        BREAKER % ("api", "open"): f"0x{fault // step - 1} 1x{half // step - 1} 0 1x{scene.end_s // step}",
    }
    is_open = Firing("BreakerOpen", DATABASE, "2", "api")
    flapping = Firing("BreakerFlapping", DATABASE, "3", "api")
    return [
        Case("a breaker is open", opened, {fault + step: (), fault + lasting + step: (is_open,)}),
        Case("a dependency of two services is away: one alert",
             {**opened, **{key.replace("api", "writer"): value for key, value in opened.items()}},
             {fault + lasting + step: (replace(is_open, names="api, writer"),)}),
        Case("a probe in between is not the end of it", probing,
             {fault + lasting + step: (Firing("BreakerOpen", DATABASE),)}),
        Case("a breaker opens on one of two replicas", {**{key.replace('="api",b', '="api-2",b'): value
             for key, value in opened.items()}}, {fault + lasting + step: (is_open,)}),
        Case("a breaker opens, and closes at the first probe",
             {BREAKER % ("api", "closed"): scene.then(1, 0, for_s=2 * step),
              BREAKER % ("api", "open"): scene.then(0, 1, for_s=2 * step)},
             {fault + lasting + step: ()}, nearly=("BreakerOpen",)),
        Case("a breaker closes again and again", {MOVES % ("api", "closed"): scene.jump(1, times=3)},
             {fault + 4 * step: (), fault + 12 * step: (flapping,)}),
        Case("four replicas close once each, and probes fail many times",
             {**{MOVES % (f"api-{number}", "closed"): scene.jump(1) for number in range(4)},
              MOVES % ("api", "open"): scene.jump(1, times=8)}, {fault + 12 * step: ()}, nearly=("BreakerFlapping",)),
    ]  # fmt: skip


def _retries(scene: Scene) -> list[Case]:
    fault, step = scene.fault_s, scene.every_s
    at = fault + 60 + seconds(scene.profile.retries_lasting) + 2 * step
    storm = Firing("RetryStorm", {"dependency": "third_party"}, "50%")
    loops = {CRASHES % "dlq_admin": scene.jump(1, times=3)}
    return [
        Case("every call is made twice", {ATTEMPTS % "again": scene.rate(0.2, 10)}, {fault + step: (), at: (storm,)}),
        Case("retries stay within twice their budget", {ATTEMPTS % "again": scene.rate(0.2, 2)}, {at: ()},
             nearly=("RetryStorm",)),
        Case("one call in ten seconds is made twice",
             {ATTEMPTS % "first": scene.rate(0.1), ATTEMPTS % "again": scene.rate(0, 0.1)}, {at: ()},
             nearly=("RetryStorm",)),
        Case("a loop crashes again and again", loops, {fault + 12 * step: (
             Firing("LoopCrashing", {"job": "dlq_admin"}),)}),
        Case("it crashed again and again, and works since", loops, {
             fault + 10 * step + seconds(scene.profile.crashing_still): ()}, nearly=("LoopCrashing",)),
        Case("a store says no to two loops again and again: one alert", {
            REFUSED % "writer-0": scene.rate(0, 0.2),
            (REFUSED % "writer-0").replace("settle", "reclaim"): scene.rate(0, 0.2)}, {
            fault + 12 * step: (Firing("LoopCrashing", {"job": "writer"}, f"{12 * step / 5:g}", "reclaim, settle"),)}),
        Case("a store says no to each writer once",
             {REFUSED % f"writer-{number}": scene.jump(1) for number in range(3)}, {fault + 12 * step: ()},
             nearly=("LoopCrashing",)),
        Case("a loop of three replicas crashes once each",
             {CRASHES % f"dlq_admin-{number}": scene.jump(1) for number in range(3)}, {fault + 12 * step: ()},
             nearly=("LoopCrashing",)),
    ]  # fmt: skip


def _watching(scene: Scene) -> list[Case]:
    fault, step = scene.fault_s, scene.every_s
    at = fault + seconds(scene.profile.down_lasting)
    prometheus, exporter = {"seen_by": "prometheus"}, {"seen_by": "exporter"}
    nobody = Firing("TargetDown", API, "0")
    gone = Firing("TargetDown", API | {"instance": "api"} | prometheus, "0")
    second = 'up{job="api",instance="api-2"}'
    return [
        Case("the only api dies", {UP_API: scene.then(1, 0)}, {fault: (), at: (nobody, gone)}),
        Case("one api of two dies", {second: scene.then(1, 0)},
             {at: (Firing("TargetDown", API | {"instance": "api-2"} | prometheus, "0"),)}),
        Case("there is no api at all", {UP_API: None}, {at: (Firing("TargetDown", API, "1"),)}),
        Case("a writer dies", {UP_WRITER: scene.then(1, 0)},
             {at: (Firing("TargetDown", {"job": "writer", "instance": "writer-0"} | prometheus, "0"),)}),
        Case("the stores are away and their exporters are not",
             {MYSQL_UP: scene.then(1, 0), QUEUE_UP: scene.then(1, 0)},
             {fault: (), at: (Firing("TargetDown", {"job": "mysql", "instance": "mysql"} | exporter, "0"),
                              Firing("TargetDown", {"job": "redis", "instance": "queue"} | exporter, "0"))}),
        Case("one scrape fails", {UP_API: scene.then(1, 0, for_s=step)}, {fault: (), at: ()}, nearly=("TargetDown",)),
    ]  # fmt: skip


def _recovery(scene: Scene) -> list[Case]:
    profile, fault, step = scene.profile, scene.fault_s, scene.every_s
    late = fault + profile.overdue_s + step
    ended = {FAULT_ACTIVE % "database-down": scene.then(1, 0),
             FAULT_END % "database-down": f"0x{fault // step - 1} {fault}x{scene.end_s // step}"}  # fmt: skip
    behind = {OLDEST % "writes": scene.behind(profile.stale_s + 1)}
    stale = Firing("PipelineStale", WRITES)
    overdue = {"fault": "database-down", "target": "database"}
    anew, lasts = late + 2 * step, profile.stale_s + seconds(profile.stale_lasting) + 2 * step
    return [
        Case("writes still wait, long after the fault ended", {**ended, **behind},
             {late - 2 * step: (stale,), late: (stale, Firing("RecoveryOverdue", overdue, _duration(late - fault)))}),
        Case("writes wait ever since, which shows only after the fault ended",
             {**ended, OLDEST % "writes": scene.frozen()},
             {late: (stale, Firing("RecoveryOverdue", overdue, _duration(late - fault)))}),
        Case("the fault is over and so is all it did", ended, {scene.late_s: ()}, nearly=("RecoveryOverdue",)),
        Case("the fault is over, and another one is not",
             {**ended, **behind, FAULT_ACTIVE % "queue-down": scene.steady(1)}, {late: (stale,)},
             nearly=("RecoveryOverdue",)),
        Case("the fault is over, all was well after it, and something else began",
             {**ended, OLDEST % "writes": f"0+{step}x{anew // step} {anew}x{scene.end_s // step}"},
             {anew: (), anew + lasts: (stale,)}, nearly=("RecoveryOverdue",)),
    ]  # fmt: skip


def _duration(whole_s: int) -> str:
    """Return whole seconds as texts write them."""
    days, rest = divmod(whole_s, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next(index for index, (number, _) in enumerate(parts) if number or index == 3)
    return " ".join(f"{number} {unit}" for number, unit in parts[first:])
