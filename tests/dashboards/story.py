"""The story: everything that a dashboard shows happens once. Poison and its replay, a third party that fails, a
database that hangs and then is down, a client that exceeds its rate, an api without CPU, a writer that dies. Faults are
announced, as in a drill."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.dashboards.verify.census import Census, take
from deploy.dashboards.verify.prometheus import Span
from deploy.dashboards.write import files
from deploy.faults.faults import Faults
from deploy.poison.entries import poison
from tests import keys
from tests.dashboards.stage import Stage, stage
from tests.dashboards.traffic import Traffic
from tests.servers import wait_until

AWAY = Faults(refuse=True, reset=True)
SILENT = Faults.both(blackhole=True)
_POISON = 24
#: Seconds for two scrapes and an evaluation of the rules: a state that lasts as long has been seen.
_SEEN_S = 11.0
_HEALING_S = 120.0


def play(folder: Path, say: Callable[[str], None], *, calm_s: float) -> list[Census]:
    """Play the story, and return the census of the run. `calm_s`: seconds without faults, before and after."""
    with stage(folder) as it, Traffic(it.api.url, it.dlq.url) as traffic:
        began_s = time.time()
        _pass(calm_s)
        say("writes that cannot work")
        _poisoned(it)
        say("a third party that fails")
        _third_party_fails(it)
        say("a database that hangs, and then is gone")
        _database_down(it, traffic)
        say("an api without CPU")
        _starved(it)
        say("a replay; a client who asks too much; a writer that is killed")
        _replayed(it)
        _too_much(it)
        it.writers[0].kill()
        it.writers[0].start()
        wait_until(lambda: not it.dlq.metric("holdfast_replays_driven"), _HEALING_S, "the replay is over")
        _pass(calm_s)
        return take(files(), it.prometheus, Span(began_s, time.time()))


def _pass(seconds: float) -> None:
    """Let time pass, so that Prometheus scrapes."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, seconds + 5, "time passes")


def _seen(it: Stage, expr: str) -> None:
    """Wait until Prometheus has seen `expr` to be true, however busy this machine is."""
    wait_until(lambda: it.prometheus.at(expr, time.time()).lines, _HEALING_S, f"seen: {expr}")


def _desk(it: Stage) -> httpx.Client:
    return it.dlq.client(headers=keys.bearer(keys.OPERATOR))


def _poisoned(it: Stage) -> None:
    entries = [fields for _, fields in poison(_POISON, time.time_ns() // 1000, 1, good_each=2)]
    it.stream.add_raw(*entries)
    with _desk(it) as desk:
        wait_until(lambda: len(_letters(desk)) == _POISON, what="poison is in the table")


def _letters(desk: httpx.Client) -> list[dict[str, object]]:
    found: list[dict[str, object]] = desk.get("/dlq/letters", params={"limit": 500}).json()["data"]
    return found


@contextmanager
def _announced(it: Stage, fault: str, target: str) -> Iterator[None]:
    with _desk(it) as desk:
        assert desk.put(f"/faults/{fault}", json={"target": target, "for_s": 300}).status_code == 200
        yield
        _seen(it, f'holdfast_fault_active{{fault="{fault}"}} == 1')
        assert desk.delete(f"/faults/{fault}").status_code == 200


def _third_party_fails(it: Stage) -> None:
    with _announced(it, "third-party-fails", "third_party"):
        it.third_party.behave(fault="fail")
        _pass(_SEEN_S / 2)
        it.third_party.behave(fault="hang")
        _pass(_SEEN_S / 2)
        _seen(it, "sum (rate(holdfast_retries_suppressed_total[20s])) > 0")
    it.third_party.behave()


def _database_down(it: Stage, traffic: Traffic) -> None:
    began = time.monotonic()
    with _announced(it, "database-down", "database"):
        it.to_database.set(SILENT)
        _pass(_SEEN_S / 2)
        contained = time.monotonic()
        it.to_database.set(AWAY)
        _pass(_SEEN_S)
        it.to_database.heal()
    ended = time.monotonic()
    wait_until(traffic.fresh, _HEALING_S, "it heals by itself")
    resumed = time.monotonic()
    wait_until(lambda: it.stream.backlog() < _POISON, _HEALING_S, "the backlog is gone")
    measured = {
        "detect_s": 1.0, "contain_s": contained - began, "resume_s": resumed - ended,
        "drain_s": time.monotonic() - ended, "steady_s": time.monotonic() - ended, "verdict": "passed",
    }  # fmt: skip
    with _desk(it) as desk:
        assert desk.put("/recoveries/database-down", json=measured).status_code == 200


def _starved(it: Stage) -> None:
    """Keep the CPU from the api most of the time, so that its event loop is late and it sheds requests."""
    with _announced(it, "cpu-taken", "host"):
        wait_until(lambda: _stutter(it), _HEALING_S, "somebody is turned away")
        _seen(it, "sum (rate(holdfast_requests_shed_total[20s])) > 0")


def _stutter(it: Stage) -> bool:
    for _ in range(4):
        it.api.freeze()
        try:
            _pass(0.3)
        finally:
            it.api.thaw()
        _pass(0.15)
    shed = 'holdfast_requests_shed_total{{lane="{}",reason="event_loop_lag"}}'
    return any(it.api.metric(shed.format(lane)) for lane in ("reads", "writes", "rest"))


def _too_much(it: Stage) -> None:
    """Send more requests at once than one client may, twice."""
    limited = 'holdfast_rate_limited_requests_total{policy="writes"}'
    with it.api.client(headers=keys.bearer(keys.OTHER)) as client:
        for _ in range(2):
            before = it.api.metric(limited)
            end = time.monotonic() + _HEALING_S
            while it.api.metric(limited) == before and time.monotonic() < end:
                for _ in range(50):
                    client.post("/users", json={"name": "", "email": ""})
            assert it.api.metric(limited) > before
            _seen(it, "sum (rate(holdfast_rate_limited_requests_total[20s])) > 0")


def _replayed(it: Stage) -> None:
    """Replay slowly, so that Prometheus can see it, and again if it did not. The poison is dead-lettered again."""
    with _desk(it) as desk:
        for _ in range(5):
            _replay(desk)
            wait_until(lambda: it.dlq.metric("holdfast_replays_driven"), what="a replay is driven")
            while it.dlq.metric("holdfast_replays_driven"):
                if it.prometheus.at("sum (holdfast_replays_driven) > 0", time.time()).lines:
                    return
                _pass(0.5)
    raise AssertionError("no replay was long enough to be seen")


def _replay(desk: httpx.Client) -> None:
    group = max(desk.get("/dlq/groups").json()["data"], key=lambda each: each["counts"].get("dead", 0))
    wish = {
        "selection": {"fingerprint": group["fingerprint"]}, "reason": "a drill", "rate_per_s": 0.5,
        "expected_count": group["counts"]["dead"], "stop": {"failing_share": 1},
    }  # fmt: skip
    made = desk.post("/dlq/replays", json=wish)
    assert made.status_code == 200, made.text
