"""Groups of failures: counted, bounded, merged, and without personal data."""

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.dlq_admin.failures.beginnings import Beginning, near, of_breakers, of_replicas, of_settings
from holdfast.services.dlq_admin.failures.trend import per_min, trend, window
from holdfast.shared.http.failures import table as table_module
from holdfast.shared.http.failures.group import MINUTES, Group, Kind, Trouble, kind_of, together
from holdfast.shared.http.failures.published import Reported
from holdfast.shared.http.failures.sketch import estimate, hashed, merged, with_one
from holdfast.shared.http.failures.table import FailureTable
from holdfast.shared.http.outcome import RequestOutcome
from holdfast.shared.runtime.time_budgets import EPISODE_GAP_S

KIND = Kind("/users", "GET", Trouble.FAILED, "database_error", "DATABASE_UNAVAILABLE", "database", "1+a")
BAD = ("database_error", "DATABASE_UNAVAILABLE", "database")


def group(*times: float, client: int = 1) -> Group:
    """Return a group with an answer at each time."""
    made = Group()
    for number, at_s in enumerate(times):
        made.add(at_s, client, f"req_{number}")
    return made


@given(st.lists(st.lists(st.floats(0, 1e7), min_size=1, max_size=20), min_size=1, max_size=4))
def test_together_counts_what_the_parts_counted(parts: list[list[float]]) -> None:
    """Merged groups count every answer once, have the first and the last time of all, and never more minutes than are
    kept; JSON preserves this."""
    groups = [Group.parse(json.loads(json.dumps(group(*sorted(times)).as_json()))) for times in parts]
    whole = together(groups)
    every = [at_s for times in parts for at_s in times]
    assert whole.count == len(every)
    assert (whole.first_s, whole.last_s) == (min(every), max(every))
    assert whole.first_s <= whole.began_s <= whole.last_s
    assert len(whole.minutes) <= MINUTES
    assert sum(whole.minutes.values()) <= whole.count


def test_a_pause_begins_another_episode() -> None:
    """An answer after a pause begins another episode, and an answer within the pause does not."""
    assert group(100, 200, 300).began_s == 100
    assert group(100, 200 + EPISODE_GAP_S + 1).began_s == 201 + EPISODE_GAP_S
    assert together([group(100), group(1000, 1010)]).began_s == 1000
    assert together([group(1005), group(1000, 1010)]).began_s == 1000


@pytest.mark.parametrize("clients", [1, 5, 63, 1000, 20_000])
def test_clients_are_counted_without_being_known(clients: int) -> None:
    """Clients are counted exactly while they are few and roughly when they are many, with the same result over two
    processes."""
    halves: list[list[int]] = [[], []]
    for number in range(clients):
        halves[number % 2] = with_one(halves[number % 2], hashed(f"from:10.0.{number}", b"k"))
    counted = estimate(merged(halves))
    assert counted == clients if clients < 64 else 0.5 * clients < counted < 2 * clients
    assert len(merged(halves)) <= 64


def scope(path: str = "/users/1", client: str = "key:a", method: str = "GET", **more: Any) -> dict[str, Any]:
    """Return the scope of a request."""
    about = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "client_name": client}
    return about | {"request_id": f"req_{path}"} | more


def table() -> FailureTable:
    """Return an empty table."""
    return FailureTable("1+a", lambda scope: str(scope["client_name"]), b"secret")


def groups_of(one: FailureTable) -> dict[Kind, Group]:
    """Return the groups by their kind."""
    return dict(one.groups())


def test_good_answers_are_nobodys_failure() -> None:
    """Good answers, health checks and requests that asked to wait are not counted."""
    counted = table()
    counted.ended(scope(), "/users", 200, RequestOutcome.GOOD, 0.01)
    counted.ended(scope(asked_to_wait=True), "/users", 200, RequestOutcome.GOOD, 9.0)
    counted.ended(scope(failed=BAD), "/health", 503, RequestOutcome.REJECTED, 0.01)
    assert groups_of(counted) == {}
    assert not counted.changed


@pytest.mark.parametrize(
    ("status", "outcome", "took_s", "trouble"),
    [
        (500, RequestOutcome.FAILED, 0.1, Trouble.FAILED),
        (503, RequestOutcome.REJECTED, 0.1, Trouble.REFUSED),
        (200, RequestOutcome.DEGRADED, 0.1, Trouble.DEGRADED),
        (200, RequestOutcome.GOOD, 1.1, Trouble.LATE),
        (422, RequestOutcome.GOOD, 0.1, Trouble.MISTAKE),
        (0, RequestOutcome.ABANDONED, 0.1, Trouble.ABANDONED),
    ],
)
def test_each_way_of_not_being_good(status: int, outcome: RequestOutcome, took_s: float, trouble: Trouble) -> None:
    """Each way in which an answer is not good has a group of its own."""
    counted = table()
    counted.ended(scope(), "/users", status, outcome, took_s)
    ((kind, one),) = groups_of(counted).items()
    assert (kind.trouble, one.count, one.samples) == (trouble, 1, ["req_/users/1"])


def test_whether_sending_again_helped() -> None:
    """A repeated request of the same client counts once as retried for each repetition, and as helped if it succeeds;
    other requests are not mistaken for it."""
    counted = table()

    def ended(outcome: RequestOutcome, status: int, **more: Any) -> None:
        counted.ended(scope(failed=BAD, **more), "/users", status, outcome, 0.1)

    ended(RequestOutcome.FAILED, 500)
    ended(RequestOutcome.GOOD, 200, client="key:b")
    ended(RequestOutcome.GOOD, 200, path="/users/2")
    ended(RequestOutcome.FAILED, 500)
    ended(RequestOutcome.GOOD, 200)
    ended(RequestOutcome.GOOD, 200)
    ended(RequestOutcome.FAILED, 500, method="POST", path="/users")
    ended(RequestOutcome.GOOD, 202, method="POST", path="/users")
    (reads,) = [one for kind, one in groups_of(counted).items() if kind.method == "GET"]
    (writes,) = [one for kind, one in groups_of(counted).items() if kind.method == "POST"]
    assert (reads.retried, reads.helped) == (2, 1)
    assert (writes.retried, writes.helped) == (0, 0)  # without a key a write cannot be recognized


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of groups and of remembered requests are bounded, and what does not fit is counted as left out."""
    monkeypatch.setattr(table_module, "GROUPS_MAX", 3)
    monkeypatch.setattr(table_module, "_REMEMBERED_MAX", 5)
    counted = table()
    for number in range(10):
        failed = ("database_error", f"CODE_{number}", "")
        counted.ended(scope(f"/{number}", failed=failed), "/users", 500, RequestOutcome.FAILED, 0.1)
    assert len(groups_of(counted)) == 3
    assert counted.left_out == 7
    assert len(counted._remembered) <= 5


def test_nothing_stored_names_a_client() -> None:
    """Neither a client's key nor its address is stored, and its hash needs the secret."""
    counted = table()
    counted.ended(scope(client="from:192.0.2.77"), "/users", 500, RequestOutcome.FAILED, 0.1)
    ((kind, one),) = groups_of(counted).items()
    text = json.dumps([*kind, one.as_json()])
    assert "192.0.2.77" not in text
    assert kind_of(json.loads(text)[:-1]) == kind
    assert one.clients != [hashed("from:192.0.2.77", b"")]


def test_trends() -> None:
    """The trend of the last ten minutes is new, rising, steady, falling or over."""
    now = 100_000.0 * 60

    def of(*minutes: int) -> Group:
        made = Group()
        for ago, count in enumerate(reversed(minutes)):
            for _ in range(count):
                made.add(now - ago * 60, 1, "req")
        made.first_s = made.began_s = now - len(minutes) * 60
        return made

    assert trend(of(1, 1, 1, 1, 1, 5, 5, 5, 5, 5), now) == "rising"
    assert trend(of(2, 2, 2, 2, 2, 2, 2, 2, 2, 2), now) == "steady"
    assert trend(of(5, 5, 5, 5, 5, 1, 1, 1, 1, 1), now) == "falling"
    assert trend(of(3), now) == "new"
    assert trend(group(now - EPISODE_GAP_S - 1), now) == "over"
    assert window({99_999: 2, 100_000: 1}, 3, now) == [0, 2, 1]
    assert per_min({99_999: 8}, now) == 2.0


def test_what_began_at_the_same_moment() -> None:
    """A breaker that opened, an override, a start or a new build near the first failure is a beginning; older changes
    and breakers that closed are not."""
    change = {"at": "2026-01-15T10:30:05", "origin": "closed", "to": "open", "why": "failure_share"}
    closed = change | {"origin": "half_open", "to": "closed"}
    forced = change | {"actor": "ada", "why": "forced_open", "at": "2026-01-15T10:31:00Z"}
    breakers = [{"service": "api", "name": "database", "transitions": [change, closed, forced, {"at": 3}]}]
    opened, overridden = of_breakers(breakers)
    assert (opened.what, overridden.what) == ("api database opened", "api database: forced_open by ada")
    assert overridden.at_s - opened.at_s == 55
    reports = [
        Reported("api", name, build, started, 0.0, 0, {})
        for name, build, started in [("a", "1", 10.0), ("b", "1", 20.0), ("c", "2", 30.0)]
    ]
    assert [(each.kind, each.at_s) for each in of_replicas(reports)] == [("start", 10), ("start", 20), ("build", 30)]
    at = opened.at_s
    others = [Beginning("fault", "far", at - 100), Beginning("fault", "near", at - 20)]
    assert [each.what for each in near(at - 2, [*others, opened])] == ["near", "api database opened"]


def test_many_starts_are_one_beginning_and_no_consequence_is_a_cause() -> None:
    """Many starts at once are one entry of the list, and starts or alerts after the first failure are left out. A
    changed setting of external_proxy may be the cause, and so may its end."""
    starts = [Beginning("start", f"api api-{number}", 100.0 + number) for number in range(9)]
    later = [Beginning("start", "writer writer-0", 115.0), Beginning("alert", "ErrorsHigh", 114.0)]
    opened = Beginning("breaker", "api external opened", 116.0)
    before, after = ({"attempts": 3, "breaker": {"open_s": open_s, "probes": 3}} for open_s in (1, 9))
    change = {"before": before, "after": after, "actor": "ann", "at": 104}
    settings = of_settings([orjson.dumps(change | {"until": 300.0}), b"no JSON", b"[]"])
    found = near(110.0, [*starts, *later, opened, *settings])
    assert [each.kind for each in found] == ["start", "setting", "breaker"]
    assert found[0].what == "9 processes started, api api-0 first"
    assert found[1].what == "external_proxy: breaker.open_s 1 to 9, by ann"
    assert [each.what for each in near(301.0, settings)] == ["external_proxy: breaker.open_s 1 to 9, by ann, ended"]


def test_a_process_that_is_named_like_its_service_is_named_once() -> None:
    """A process that has the name of its service is shown as `api`, and not as `api api`."""
    reports = [Reported("api", name, "1", started, 0.0, 0, {}) for name, started in (("api", 10.0), ("api-2", 20.0))]
    assert [each.what for each in of_replicas(reports)] == ["api", "api api-2"]


def test_what_reads_the_same_is_one_beginning() -> None:
    """Beginnings with the same text, such as a breaker that opened twice or in two replicas, share one line, which
    leaves room for others."""
    opened = [Beginning("breaker", "api queue opened", at_s) for at_s in (100.0, 103.0)]
    fault = Beginning("fault", "queue-down on queue", 99.0)
    found = near(101.0, [*opened, fault])
    assert [each.what for each in found] == ["queue-down on queue", "api queue opened, 2 times"]
    assert found[1].at_s == 100.0


def test_a_restart_goes_on_from_what_was_counted() -> None:
    """After a restart, the table continues from the stored groups and keeps its own."""
    counted = table()
    counted.ended(scope(failed=BAD), "/users", 500, RequestOutcome.FAILED, 0.1)
    counted.adopt({KIND._replace(route="/else"): group(time.time())})
    assert {kind.route for kind in groups_of(counted)} == {"/users", "/else"}
