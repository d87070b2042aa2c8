"""Override marks: what operators force breakers to is a region on Grafana's dashboards, from its start to its end: when
it runs out, or when another order takes its place."""

import time
from collections.abc import Sequence

from holdfast.shared.fleet.order import IssuedOrder, Measure, Order
from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations

_ENDS = (Measure.LIFT, Measure.RESET)
_MS = 1000.0


class OverrideMarks:
    """Knows what is in force from the board, whichever replica was asked for it: so any of them can tell its end."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._in_force: dict[tuple[str, str, str | None], IssuedOrder] = {}

    def received(self, given: IssuedOrder) -> None:
        """Of an order, oldest first."""
        now_ms = time.time() * _MS
        self._in_force = {
            target: each
            for target, each in self._in_force.items()
            if each.until_ms > now_ms and not _replaces(given.order, each.order)
        }
        if given.order.measure not in _ENDS and given.until_ms > now_ms:
            self._in_force[_target(given.order)] = given

    def replaced_by(self, order: Order) -> list[IssuedOrder]:
        """What ends if `order` is given now."""
        now_ms = time.time() * _MS
        return [each for each in self._in_force.values() if each.until_ms > now_ms and _replaces(order, each.order)]

    def given(self, order: Order, replaced: Sequence[IssuedOrder]) -> None:
        """It is in force, and they are not: say so. Costs nothing, never fails."""
        now_s = time.time()
        for each in replaced:
            began_s = each.until_ms / _MS - each.order.for_s
            why = f"; ended by {order.actor}: {order.reason[:200]}"
            self._annotations.add(_annotation(each.order, began_s, max(began_s, now_s), why))
        if order.measure not in _ENDS:
            self._annotations.add(_annotation(order, now_s, now_s + order.for_s))
            self.received(IssuedOrder(order, (now_s + order.for_s) * _MS))


def _annotation(order: Order, began_s: float, ended_s: float, more: str = "") -> Annotation:
    """Published at once with the time at which it ends by itself, so that no process has to end it."""
    where = f"{order.service} {order.breaker}" + (f" on {order.instance}" if order.instance else "")
    text = f"{where}: {order.measure.value} by {order.actor}: {order.reason[:200]}{more}"
    return Annotation(f"override:{order.id}", text, ("breaker_override", order.service), began_s, ended_s)


def _target(order: Order) -> tuple[str, str, str | None]:
    return order.service, order.breaker, order.instance


def _replaces(newer: Order, older: Order) -> bool:
    """Everywhere: an order to one replica leaves the others as they are."""
    same = (newer.service, newer.breaker) == (older.service, older.breaker)
    return same and newer.id != older.id and newer.instance in (None, older.instance)
