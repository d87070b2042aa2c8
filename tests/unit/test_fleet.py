"""The fleet: the age of each report, which order counts, and the treatment of malformed entries on the board."""

from datetime import timedelta

import httpx
import orjson
import pytest
from redis.exceptions import ConnectionError as RedisGone

from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.fleet.order import IssuedOrder, Measure, Order
from holdfast.shared.fleet.roster import Roster
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.queue import audit
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.snapshot import Override, State
from holdfast.shared.runtime.time_budgets import REPORT_GONE_S, REPORT_STALE_S
from tests.servers import free_port
from tests.unit.breakers import EPOCH, Clock, breaker, fail, opened

NOW = 50.0
BOARD_S = 1_700_000_000.0


def report(at_s: float, *states: str) -> bytes:
    """Return a report as a replica writes it."""
    return b"%d " % (at_s * 1e6) + orjson.dumps([{"name": f"b{n}", "state": state} for n, state in enumerate(states)])


def order(measure: Measure, id: str = "1", **more: object) -> Order:
    """Return an operator's order for the breaker `dependency` of the api."""
    fields: dict[str, object] = {"service": "api", "breaker": "dependency", "instance": None, "for_s": 60.0} | more
    return Order(id=id, measure=measure, actor="ann", reason="a test", **fields)  # type: ignore[arg-type]


def given(order: Order, at_s: float = BOARD_S) -> IssuedOrder:
    """Return the order as it is read from the board."""
    fields = {name.encode(): value.encode() for name, value in order.fields().items()}
    return IssuedOrder.entry(f"{int(at_s * 1000)}-0", fields)


@pytest.fixture
def one(clock: Clock) -> Breaker:
    """A breaker named `dependency`."""
    return breaker(clock)


@pytest.fixture
def member(one: Breaker) -> Member:
    """The api replica that has this breaker."""
    return Member("api", "api-1", lambda: [one])


# --- the roll ---


def test_a_report_ages_by_the_boards_clock_and_then_by_ours() -> None:
    """A report ages by the board's clock until it is read, and then by the local clock, so that clocks of different
    machines are never compared and ageing continues while the board is away."""
    roll = Roster("api/api-1")
    roll.read({b"writer/w": report(BOARD_S - 1, "closed")}, BOARD_S, NOW)
    [fresh] = roll.shown(NOW + 0.5)
    assert (fresh["service"], fresh["instance"], fresh["report"]) == ("writer", "w", {"age_s": 1.5, "stale": False})
    [stale] = roll.shown(NOW + REPORT_STALE_S)
    assert stale["report"]["stale"] is True
    assert roll.shown(NOW + REPORT_GONE_S) == []


def test_its_own_report_is_left_out_and_the_dead_are_named() -> None:
    """A process leaves out its own report, because it knows its own state better, and names the replicas that have been
    silent for so long that they are to be removed from the board."""
    roll = Roster("api/api-1")
    reports = {b"api/api-1": report(BOARD_S, "closed"), b"writer/dead": report(BOARD_S - REPORT_GONE_S - 1, "open")}
    assert roll.read(reports, BOARD_S, NOW) == [b"writer/dead"]
    assert roll.shown(NOW) == []


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"x", b"12 {", b"12 [3]", b'12 {"a": 1}', b'12 [{"name": "b"}]', b'\xff [{"name": 1, "state": 2}]'],
)
def test_a_report_of_another_build_hurts_nobody(nonsense: bytes) -> None:
    """A malformed report, as another build may write it, is to be removed from the board, and the reports beside it are
    shown."""
    roll = Roster("api/api-1")
    assert roll.read({b"writer/odd\xff": nonsense, b"writer/w": report(BOARD_S, "open")}, BOARD_S, NOW) == [
        b"writer/odd\xff"
    ]
    assert [each["instance"] for each in roll.shown(NOW)] == ["w"]


# --- orders ---


def test_an_order_ends_by_the_time_it_was_given(clock: Clock, one: Breaker, member: Member) -> None:
    """The time of an order begins when the order is given; a replica that receives it late obeys it for the rest of
    that time."""
    member.take([given(order(Measure.FORCE_OPEN, for_s=60))])
    assert member.obey((BOARD_S + 20) * 1000) is True
    imposed = one.snapshot().imposed
    assert imposed is not None
    assert (imposed.override, imposed.actor, imposed.until) == (
        Override.FORCE_OPEN, "ann", EPOCH + timedelta(seconds=40),
    )  # fmt: skip
    clock.advance(40)
    assert one.snapshot().imposed is None


def test_hearing_of_it_again_changes_nothing(clock: Clock, one: Breaker, member: Member) -> None:
    """An order that is received again has no new effect, whether it was obeyed at once or has been on the board for
    long."""
    first = order(Measure.FORCE_OPEN)
    assert member.obey_at_once(first) is True
    clock.advance(30)
    for _ in range(3):
        member.take([given(first)])
        assert member.obey((BOARD_S + 30) * 1000) is False
    assert len(one.snapshot().transitions) == 1
    clock.advance(30)
    assert one.snapshot().imposed is None


def test_what_the_board_had_before_does_not_undo_an_order_that_it_could_not_take(one: Breaker, member: Member) -> None:
    """An order that only this replica has carried out, because the board was away, stays in force after the board is
    back: an earlier order, which the board still has, is not carried out a second time."""
    member.take([given(order(Measure.FORCE_OPEN, id="earlier"))])
    assert member.obey(BOARD_S * 1000) is True
    assert member.obey_at_once(order(Measure.LIFT, id="ours")) is True
    assert one.state is State.HALF_OPEN
    assert member.obey((BOARD_S + 5) * 1000) is False
    assert one.state is State.HALF_OPEN


def test_only_the_newest_counts(one: Breaker, member: Member) -> None:
    """Only the newest order counts: a replica that starts after an order was lifted never obeys the lifted order."""
    member.take([given(order(Measure.FORCE_OPEN)), given(order(Measure.LIFT, id="2"))])
    member.obey(BOARD_S * 1000)
    assert (one.state, one.snapshot().transitions) == (State.CLOSED, ())


def test_the_boards_order_decides_where_two_replicas_were_asked_at_once(one: Breaker, member: Member) -> None:
    """If two replicas receive orders at the same time, their sequence on the board decides: the local order, which
    comes later on the board, is in force at the end."""
    ours, other = order(Measure.FORCE_OPEN, id="ours"), order(Measure.FORCE_CLOSED, id="other")
    member.obey_at_once(ours)
    member.take([given(other)])
    member.obey(BOARD_S * 1000)
    assert one.state is State.CLOSED
    member.take([given(ours)])
    member.obey(BOARD_S * 1000)
    assert one.state is State.OPEN


@pytest.mark.parametrize("for_whom", [{"service": "writer"}, {"instance": "api-2"}, {"breaker": "another"}])
def test_what_concerns_others_is_left_to_them(one: Breaker, member: Member, for_whom: dict[str, str]) -> None:
    """An order for another service, another replica or another breaker is ignored."""
    theirs = order(Measure.FORCE_OPEN, **for_whom)
    assert member.obey_at_once(theirs) is False
    member.take([given(theirs)])
    assert member.obey(BOARD_S * 1000) is False
    assert one.state is State.CLOSED


def test_an_order_that_is_over_is_not_begun(one: Breaker, member: Member) -> None:
    """A replica that starts after the end of an order does not obey it."""
    member.take([given(order(Measure.FORCE_OPEN, for_s=60))])
    assert member.obey((BOARD_S + 61) * 1000) is False
    assert one.state is State.CLOSED


@pytest.mark.parametrize(
    ("measure", "state"),
    [
        (Measure.FORCE_CLOSED, State.CLOSED), (Measure.OBSERVE_ONLY, State.OPEN),
        (Measure.LIFT, State.OPEN), (Measure.RESET, State.CLOSED),
    ],
)  # fmt: skip
def test_every_measure_does_what_it_says(one: Breaker, member: Member, measure: Measure, state: State) -> None:
    """Each measure has its effect on a breaker that opened by itself; a lift leaves the breaker open, because there was
    nothing to lift."""
    opened(one)
    assert member.obey_at_once(order(measure)) is True
    assert one.state is state
    if measure is Measure.OBSERVE_ONLY:
        fail(one)  # the call is let through, and fails by itself


@pytest.mark.parametrize(
    "spoilt", [{b"for_s": b"nan"}, {b"for_s": b"1e9"}, {b"measure": b"explode"}, {b"actor": b" "}, {b"reason": b"\xff"}]
)
def test_an_order_that_makes_no_sense_is_refused(spoilt: dict[bytes, bytes]) -> None:
    """An order with invalid fields, which another build or another program may have written, is refused."""
    fields = {name.encode(): value.encode() for name, value in order(Measure.FORCE_OPEN).fields().items()}
    with pytest.raises(ValueError):  # noqa: PT011 - the message does not matter
        Order.parse(fields | spoilt)


# --- while Redis is unavailable ---


async def test_a_board_that_is_away_takes_nothing(member: Member) -> None:
    """While Redis is unavailable the board accepts no order and reports itself as unreachable, and the breakers go
    on."""
    redis = connect(f"127.0.0.1:{free_port()}", RedisTimeouts(0.2, 0.2))
    board = Board(redis, member, watching=True)
    with pytest.raises(RedisGone):
        await board.beat()
    assert await board.give(order(Measure.LIFT)) is False
    await board.leave()
    assert board.reachable is False


async def test_an_audit_that_is_away_is_reported_and_not_waited_for() -> None:
    """An audit record that cannot be written is reported as such and not waited for, so that no override fails because
    of it."""
    redis = connect(f"127.0.0.1:{free_port()}", RedisTimeouts(0.2, 0.2))
    assert await audit.record(redis, {"actor": "ann"}) is False


async def test_a_scrape_sees_what_only_needed_time_to_pass(clock: Clock, one: Breaker, member: Member) -> None:
    """A scrape shows an open breaker as half-open once its open time has passed, even without traffic."""
    opened(one)
    app = service_app(Health("test"), title="Test", description="", version="0", before_scrape=member.breakers)
    clock.advance(one.open_remaining)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        text = (await client.get("/metrics")).text
    assert 'holdfast_breaker_state{breaker="dependency",state="half_open"} 1.0' in text
