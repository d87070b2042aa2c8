"""Pipeline and dead letters: how long a write takes, where it waits, what became of it, and dead letters."""

from deploy.dashboards import states
from deploy.dashboards.board import Board
from deploy.dashboards.panel import (
    Bars,
    Heat,
    Lines,
    Number,
    Row,
    Table,
    Timeline,
    age,
    below,
    increase,
    line_at,
    mean,
    quantile,
    rate,
    seen,
    worst,
    zero_is_good,
)
from deploy.rules.profile import DEMO

_NOT_MEASURED = "Unknown: not measured lately"

_HEAT = Heat(
    title="How long do writes take?",
    shows="From acceptance to commit: how many writes took how long, over time. Darker is more.",
    normal="one dark band below a second.",
    act="a band that climbs: the backlog is worked off; two bands: some writes were retried.",
    unit="s",
    nothing="No writes",
    queries={"{{le}}": increase("holdfast_commit_delay_seconds_bucket", "le")},
    width=12,
)
_DELAY = Lines(
    title="Time from acceptance to commit",
    shows="The same as numbers.",
    normal="p99 below a second.",
    act="see which step is slow, beside it.",
    unit="s",
    nothing="No writes",
    queries={n: quantile(q, "holdfast_commit_delay_seconds") for q, n in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))},
    width=6,
    log=True,
)
_STEPS = Lines(
    title="Which step is slow?",
    shows="The 99th percentile of each step: a batch accepted, a batch applied, dead letters put into the table.",
    normal="each below a tenth of a second.",
    act="accept: the queue's disk. apply, index: the database.",
    unit="s",
    nothing="No writes",
    queries={step: quantile(0.99, f"holdfast_{step}_duration_seconds") for step in ("accept", "apply", "index")},
    width=6,
)
_ENTRIES = Lines(
    title="How much waits?",
    shows="Entries on each stream. What is settled is deleted, so this is the backlog.",
    normal="a handful.",
    act="grows: see what holds the writers back, then add writers.",
    unit="short",
    nothing=_NOT_MEASURED,
    queries={"{{stream}}": worst("holdfast_stream_entries", "stream")},
    width=6,
)
_PENDING = Lines(
    title="How much is pending?",
    shows="Entries delivered to a reader and not settled.",
    normal="no more than writers take at once.",
    act="stays while nothing is settled: a reader is stuck; others take over after HOLDFAST_WRITER_CLAIM_IDLE_S.",
    unit="short",
    nothing=_NOT_MEASURED,
    queries={"{{stream}}": worst("holdfast_stream_pending_entries", "stream")},
    width=6,
)
_OLDEST = Lines(
    title="How old is the oldest?",
    shows="Age of the oldest entry on each stream, and on each partition of the write stream.",
    normal="below ten seconds, because it is measured every five.",
    act="above the line it pages: Failure and recovery.",
    unit="s",
    nothing=_NOT_MEASURED,
    queries={
        "{{stream}}": "stream:holdfast_oldest_age_seconds:max",
        "partition {{partition}}": "time() - min by (partition) (holdfast_partition_oldest_timestamp_seconds)",
    },
    width=6,
    limits=line_at(DEMO.stale_s),
)
_PACE = Lines(
    title="At what pace do writers read?",
    shows="The batch size of each writer, as a share of its normal one; dashed, the entries it holds.",
    normal="1, and nothing held.",
    act="below 1: the database is slow, and writers reduce its load. Nothing to do.",
    unit="percentunit",
    nothing="No writer is up",
    queries={
        "{{instance}}": 'min by (instance) (holdfast_writer_pace_share{job="writer"})',
        "held for later": "sum (holdfast_deferred_entries)",
    },
    right={"held for later": "short"},
    width=6,
    share=True,
)
_BRAKES = Timeline(
    title="What holds it back?",
    shows="Writers that hold work because a dependency is down, or halted because too much would be dead-lettered; an "
    "api that accepts no more because too much waits.",
    normal="nothing. During an outage: holding.",
    act="halted: read docs/runbooks/HoldfastWriterHalted.md before anything else.",
    unit="short",
    nothing="No service is up",
    queries={
        "holding: {{dependency}} is down": worst("holdfast_holding", "dependency"),
        "halted: too many dead letters": worst("holdfast_writer_halted", ""),
        "no more accepted": worst("holdfast_backpressure", ""),
    },
    width=12,
    height=5,
    states=states.BRAKE,
)
_TAKEN_OVER = Lines(
    title="What was reclaimed?",
    shows="Entries reclaimed from a writer that stopped responding, and readers that were restarted, in each minute.",
    normal="none, except after a kill or a deployment.",
    act="steady: a writer hangs again and again; read its log.",
    unit="short",
    nothing="No writer is up",
    queries={
        "entries reclaimed": increase("holdfast_reclaimed_entries_total", "", window="[1m]"),
        "readers restarted": increase("holdfast_consumer_restarts_total", "", window="[1m]"),
    },
    width=12,
    height=5,
)
_ACCEPTED = Lines(
    title="Acceptances by result",
    shows="Writes given to the queue, by its reply.",
    normal="accepted, and callers' repetitions.",
    act="unknown: the queue did not answer; its callers have to retry with the same key.",
    unit="wps",
    nothing="No writes",
    queries={"{{result}}": f"{rate('holdfast_writes_accepted_total', 'result')} > 0"},
    width=6,
)
_SETTLED = Lines(
    title="Writes settled by outcome",
    shows="What writers did with each entry.",
    normal="Applied; Duplicate after a kill or a replay.",
    act="Dead: the band below. Retry: beside it.",
    unit="wps",
    nothing="No writes",
    queries={"{{outcome}}": f"{rate('holdfast_outcomes_total', 'outcome')} > 0"},
    width=6,
)
_AGAIN = Lines(
    title="What was retried, and why?",
    shows="Retries of writers: the database was down (outage), two writers wanted the same row (contention), an "
    "earlier write comes first (turn), the reason is unknown (unknown).",
    normal="a little contention; outage during one.",
    act="unknown: read the writer's log.",
    unit="ops",
    nothing="No retries",
    queries={"{{reason}}": f"{rate('holdfast_retries_total', 'reason')} > 0"},
    width=6,
)
_BATCHES = Lines(
    title="How many at once?",
    shows="Writes that shared a round trip to the queue, and writes that shared a transaction; on average.",
    normal="grows with the load: that is how it keeps up.",
    act="1 under load: requests come one after the other.",
    unit="short",
    nothing="No writes",
    queries={
        "accepted together": mean("holdfast_accept_batch_writes"),
        "applied together": mean("holdfast_apply_batch_writes"),
    },
    width=6,
)
_DIED = Lines(
    title="What was dead-lettered, and why?",
    shows="Writes that became dead letters, in each minute, by reason.",
    normal="none. An outage makes no dead letters.",
    act="the console groups them and says what to do.",
    unit="short",
    nothing="No dead letters",
    queries={"{{reason}}": f"{increase('holdfast_dead_letters_total', 'reason', window='[1m]')} > 0"},
    bars=True,
)
_OPEN = Number(
    title="Dead letters open",
    shows="Dead letters that wait for a decision.",
    normal="0.",
    act="open the console, dlq_admin's /console.",
    unit="short",
    nothing=_NOT_MEASURED,
    queries={"open": seen(worst("holdfast_dead_letters_open", ""), "database")},
    width=4,
    limits=below(1, 1000),
)
_WAITS = Number(
    title="The oldest has waited",
    shows="Age of the oldest open dead letter.",
    normal="below an hour.",
    act="a client has been without its write for that long: fix and replay it, or discard it.",
    unit="s",
    nothing=_NOT_MEASURED,
    queries={"oldest": seen("max (holdfast:dead_letters_oldest_age_seconds:max)", "database")},
    width=4,
    limits=below(60, DEMO.letters_stale_s),
)
_INDEXED = Lines(
    title="Do they reach the table?",
    shows="Dead letters put into the table, and failed attempts.",
    normal="as many as were dead-lettered; none refused.",
    act="refused: they stay on their stream; read dlq_admin's log.",
    unit="ops",
    nothing="dlq_admin is not up",
    queries={
        "put into the table": rate("holdfast_letters_indexed_total", ""),
        "refused by it": rate("holdfast_letters_unindexable_total", ""),
    },
)
_PROGRESS = Bars(
    title="How far is the replay?",
    shows="Letters of the running replays: planned, sent, done.",
    normal="all zero: no replay runs. Else done catches up with planned.",
    act="sent grows and done does not: the writers do not settle; see what holds them back.",
    unit="short",
    nothing="No replay has been seen",
    queries={"{{state}}": worst("holdfast_replay_letters", "state")},
    width=12,
    height=6,
)
_REPLAYED = Lines(
    title="At what pace is it replayed?",
    shows="Dead letters sent again, and those with a known result, each second.",
    normal="the requested pace.",
    act="slower: the writers are behind, and the replay waits for them.",
    unit="ops",
    nothing="dlq_admin is not up",
    queries={
        "sent": rate("holdfast_replay_sent_total", ""),
        "done": rate("holdfast_replay_results_total", ""),
    },
    width=12,
    height=6,
)
_MISSING = Lines(
    title="Does the ledger balance?",
    shows="Accepted writes that are found in no store; or more in the stores than was accepted: the console's page of "
    "the ledger says which.",
    normal="0, always, whatever fails.",
    act="docs/runbooks/HoldfastLedgerImbalance.md, at once.",
    unit="short",
    nothing=_NOT_MEASURED,
    queries={"out by": seen(worst("holdfast_ledger_missing_writes", ""), "ledger")},
    limits=zero_is_good(),
)
_LEDGER = Table(
    title="Where is every accepted write?",
    shows="The ledger, counted in the stores: accepted is the sum of all others.",
    normal="nearly all applied.",
    act="in flight that does not fall: what holds it back? dead_lettered: the console.",
    unit="locale",
    nothing=_NOT_MEASURED,
    queries={"{{term}}": seen(worst("holdfast_ledger_writes", "term"), "ledger")},
    columns={"term": "Where"},
    value="Writes",
)
_PROBES = Lines(
    title="Are these numbers fresh?",
    shows="How long ago dlq_admin last managed to read the queue, the database, and the ledger.",
    normal="below ten seconds.",
    act="grows: the ages on this page are estimates until it can read them again.",
    unit="s",
    nothing="dlq_admin is not up",
    queries={"{{probe}}": age("holdfast_probe_last_success_timestamp_seconds", "probe")},
    limits=line_at(DEMO.blind_s),
)

BOARD = Board(
    "holdfast-pipeline",
    "Pipeline and dead letters",
    "A write from its acceptance to its commit: how long it takes, where it waits, what became of it; and which "
    "were dead-lettered, why, and whether they were replayed.",
    (
        Row("Is it fast?", (_HEAT, _DELAY, _STEPS)),
        Row("What waits, and what holds it back?", (_ENTRIES, _PENDING, _OLDEST, _PACE, _BRAKES, _TAKEN_OVER)),
        Row("What became of it?", (_ACCEPTED, _SETTLED, _AGAIN, _BATCHES)),
        Row("What was dead-lettered, and what became of it?", (_DIED, _OPEN, _WAITS, _INDEXED)),
        Row("What is replayed?", (_PROGRESS, _REPLAYED)),
        Row("Is every write accounted for?", (_MISSING, _LEDGER, _PROBES)),
    ),
)
