"""Results -> parts of the table, and the verdicts against the aims."""

from collections.abc import Mapping, Sequence
from statistics import median

from deploy.load.summary import SLIP_MAX_MS
from tests.bench import accept, apply, latency
from tests.bench.company import MOST_CORES
from tests.bench.latency import Latency
from tests.bench.load import Load
from tests.bench.table import Part, Row

#: The aimed-at shares of the ceiling and of hand-written inserts; and milliseconds from an answer to its commit.
ACCEPT_AIM, APPLY_AIM, COMMIT_P99_MS = 0.85, 0.75, 25.0


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratios round by round: a disturbance of the machine affects both sides of a ratio."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def accepting(results: Mapping[str, Sequence[Load]]) -> tuple[Part, list[str]]:
    """Return requests per second, as shares of the ceiling, and the verdicts."""
    rates = {name: [load.requests_per_s for load in loads] for name, loads in results.items()}
    ceiling = rates[accept.CEILING]
    rows = [
        Row(name, rates[name], "requests/s", ratios(rates[name], ceiling), [load.p99_ms for load in loads], busy(loads))
        for name, loads in results.items()
    ]
    share = median(ratios(rates[accept.OURS], ceiling))
    peers = {
        name: median(ratios(rates[accept.OURS], rates[name]))
        for name in rates
        if name not in (accept.OURS, accept.CEILING)
    }
    ahead = ", ".join(f"{factor:.1f} × {name}" for name, factor in peers.items())
    verdicts = [
        f"accept, of the ceiling: {share:.2f}; aim {ACCEPT_AIM}: {met(share >= ACCEPT_AIM)}",
        f"accept, ahead of every peer: {met(min(peers.values()) > 1)} ({ahead})",
    ]
    return Part("Accept: POST /users through one process; ratio to the ceiling, bare FastAPI", rows), verdicts


def applying(results: Mapping[str, Sequence[float]]) -> tuple[Part, list[str]]:
    """Return writes per second, as shares of hand-written inserts in as many processes, and the verdicts."""
    limits = {name: results[apply.LIMIT] for name in results} | {
        name: results[apply.LIMIT_TWICE] for name in (apply.OURS_TWICE, apply.LIMIT_TWICE)
    }
    rows = [Row(name, rates, "writes/s", ratios(rates, limits[name])) for name, rates in results.items()]
    one = median(ratios(results[apply.OURS], results[apply.LIMIT]))
    two = median(ratios(results[apply.OURS_TWICE], results[apply.LIMIT_TWICE]))
    peers = {name: median(ratios(results[apply.OURS], results[name])) for name in (apply.CELERY, apply.TASKIQ)}
    ahead = ", ".join(f"{factor:.1f} × {name}" for name, factor in peers.items())
    verdicts = [
        f"apply, one writer of the limit: {one:.2f}; aim {APPLY_AIM}: {met(one >= APPLY_AIM)}",
        f"apply, two writers of the limit with two processes: {two:.2f}; aim {APPLY_AIM}: {met(two >= APPLY_AIM)}",
        f"apply, ahead of every peer: {met(min(peers.values()) > 1)} ({ahead})",
    ]
    return Part("Apply: a standing backlog; ratio to hand-written inserts in as many processes", rows), verdicts


def latencies(results: Sequence[Latency]) -> tuple[Part, list[str]]:
    """Return the latencies at a steady rate, in milliseconds, and the verdicts."""

    def rows(what: str, name: str, *shares: str) -> list[Row]:
        return [
            Row(f"{what}, {share}", [getattr(getattr(each, name), share) for each in results], "ms") for share in shares
        ]

    shown = [
        *rows("202 to commit", "answer_to_commit", "p50", "p90", "p99", "max"),
        *rows("request to commit", "to_commit", "p50", "p90", "p99", "max"),
        *rows("request to commit, at least", "to_commit_at_least", "p50", "p99"),
        *rows("request to 202", "to_answer", "p50", "p99"),
    ]
    slip, poll = (max(getattr(each, name) for each in results) for name in ("slip_p99_ms", "poll_p99_ms"))
    known = not any(each.unknown for each in results)
    title = f"Latency: {latency.PER_S} writes/s, open loop, one api and {latency.WRITERS} writers"
    p99 = median(each.answer_to_commit.p99 for each in results)
    return Part(title, shown), [
        f"latency, 202 to commit, p99: {p99:.1f} ms; aim {COMMIT_P99_MS:g} ms: {met(p99 <= COMMIT_P99_MS)}",
        f"latency: the generator was late by {slip:.1f} ms (p99 of the worst round; aim {SLIP_MAX_MS:.0f} ms):"
        f" {'it kept its schedule' if known else 'the result is UNKNOWN'}",
        f"latency: commits were observed by polling every {poll:.1f} ms (p99), so each is late by about that at most",
    ]


def qualified(part: str, verdicts: Sequence[str], others_cores: float) -> list[str]:
    """Return the verdicts, and whether other processes disturbed the measurement."""
    used = f"{part}: others used {others_cores:.2f} cores on average"
    if others_cores <= MOST_CORES:
        return [*verdicts, f"{used}: the machine was ours"]
    return [*(f"UNCERTAIN: {line}" for line in verdicts), f"{used}: DISTURBED, measure again on a quiet machine"]


def met(yes: bool) -> str:
    """Return the verdict of an aim."""
    return "met" if yes else "NOT MET"


def busy(loads: Sequence[Load]) -> str:
    """Return how busy each party was, with a warning if the server was not the limit."""
    server, stores, generator = (
        median(getattr(load, name) for load in loads) for name in ("server_share", "stores_share", "generator_share")
    )
    text = f"cpu: server {server:.0%}, stores {stores:.0%}, wrk {generator:.0%}"
    if any(load.measured_something_else for load in loads):
        text += "; LIMITED BY THE OTHER CORE"
    return text
