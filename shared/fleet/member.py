"""Member: this process as part of the fleet. Reports its breakers, and carries out orders."""

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from typing import Any, assert_never

from holdfast.shared.fleet.order import IssuedOrder, Measure, Order
from holdfast.shared.resilience.breaker.breaker import Breaker

_TRANSITIONS_SHOWN = 10
_MS = 1000.0


class Member:
    """One process of the fleet. `breakers` is called each time, because a breaker is created together with its
    dependency's client."""

    def __init__(self, service: str, instance: str, breakers: Callable[[], Iterable[Breaker]]) -> None:
        self.service = service
        self.instance = instance
        self._breakers = breakers
        #: By the breaker's name: the newest order from the board, until it is carried out; and the id of the order that
        #: was carried out last. An order is carried out once, because the board may lack the order that replaced it.
        self._due: dict[str, IssuedOrder] = {}
        self._obeyed: dict[str, str] = {}

    def breakers(self) -> list[dict[str, Any]]:
        """Return the report: each breaker's snapshot, with its last transitions. Times are in UTC."""
        return [describe(breaker) for breaker in self._breakers()]

    def take(self, orders: Iterable[IssuedOrder]) -> None:
        """Remember orders, oldest first. Orders that do not concern this process are ignored."""
        for each in orders:
            if each.order.concerns(self.service, self.instance):
                self._due[each.order.breaker] = each

    def obey(self, board_ms: float) -> bool:
        """Carry out the orders that are due at the board's time `board_ms`. Return whether there was one."""
        done = False
        for breaker in self._breakers():
            issued = self._due.pop(str(breaker.name), None)
            if issued is not None and self._obeyed.get(issued.order.breaker) != issued.order.id:
                left_s = (issued.until_ms - board_ms) / _MS
                if left_s > 0:
                    self._apply(breaker, issued.order, min(left_s, issued.order.for_s))
                    done = True
        return done

    def obey_at_once(self, order: Order) -> bool:
        """Carry out an order now if it concerns this process. Reading the same order from the board later changes
        nothing. Return whether it was carried out."""
        mine = [each for each in self._breakers() if each.name == order.breaker]
        if not mine or not order.concerns(self.service, self.instance):
            return False
        self._apply(mine[0], order, order.for_s)
        return True

    def _apply(self, breaker: Breaker, order: Order, for_s: float) -> None:
        self._obeyed[order.breaker] = order.id
        who = {"actor": order.actor, "reason": order.reason}
        match order.measure:
            case Measure.FORCE_OPEN:
                breaker.force_open(**who, for_s=for_s)
            case Measure.FORCE_CLOSED:
                breaker.force_closed(**who, for_s=for_s)
            case Measure.OBSERVE_ONLY:
                breaker.observe_only(**who, for_s=for_s)
            case Measure.LIFT:
                breaker.lift(**who)
            case Measure.RESET:
                breaker.reset(**who)
            case _:
                assert_never(order.measure)


def describe(breaker: Breaker) -> dict[str, Any]:
    """Return the form of one breaker that every status page shows."""
    snapshot: dict[str, Any] = _plain(breaker.snapshot())
    return snapshot | {"transitions": snapshot["transitions"][-_TRANSITIONS_SHOWN:], "refusal": breaker.refusal}


def _plain(value: Any) -> Any:
    """Convert dataclasses to plain dicts without copying values. `dataclasses.asdict` copies every value, and this runs
    every second for every breaker."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
