"""Override marks: marks each override of a breaker as a region on Grafana's dashboards, from its start to its end. An
override ends when it expires, or when another order replaces it."""

import time
from collections.abc import Sequence

from holdfast.shared.fleet.order import IssuedOrder, Measure, Order
from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations

_ENDS = (Measure.LIFT, Measure.RESET)
_MS = 1000.0


class OverrideMarks:
    """Marks overrides. Learns from the board which overrides are in force, whichever replica received the order, so
    that any replica can mark the end."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations
        self._in_force: dict[tuple[str, str, str | None], IssuedOrder] = {}

    def received(self, given: IssuedOrder) -> None:
        """Record an order from the board. Orders come oldest first."""
        now_ms = time.time() * _MS
        self._in_force = {
            target: each
            for target, each in self._in_force.items()
            if each.until_ms > now_ms and not _replaces(given.order, each.order)
        }
        if given.order.measure not in _ENDS and given.until_ms > now_ms:
            self._in_force[_target(given.order)] = given

    def replaced_by(self, order: Order) -> list[IssuedOrder]:
        """Return the overrides in force that `order` ends if it is given now."""
        now_ms = time.time() * _MS
        return [each for each in self._in_force.values() if each.until_ms > now_ms and _replaces(order, each.order)]

    def given(self, order: Order, replaced: Sequence[IssuedOrder]) -> None:
        """Mark the start of `order` and the end of the `replaced` overrides. Takes no time and never fails."""
        now_s = time.time()
        for each in replaced:
            began_s = each.until_ms / _MS - each.order.for_s
            why = f"; ended by {order.actor}: {order.reason[:200]}"
            self._annotations.add(_annotation(each.order, began_s, max(began_s, now_s), why))
        if order.measure not in _ENDS:
            self._annotations.add(_annotation(order, now_s, now_s + order.for_s))
            self.received(IssuedOrder(order, (now_s + order.for_s) * _MS))


def _annotation(order: Order, began_s: float, ended_s: float, more: str = "") -> Annotation:
    """Return the region of an override. It is published with the time at which the override expires, so that no process
    has to end it."""
    where = f"{order.service} {order.breaker}" + (f" on {order.instance}" if order.instance else "")
    text = f"{where}: {order.measure.value} by {order.actor}: {order.reason[:200]}{more}"
    return Annotation(f"override:{order.id}", text, ("breaker_override", order.service), began_s, ended_s)


def _target(order: Order) -> tuple[str, str, str | None]:
    return order.service, order.breaker, order.instance


def _replaces(newer: Order, older: Order) -> bool:
    """Return whether `newer` ends `older` everywhere. An order for one replica does not affect the other replicas."""
    same = (newer.service, newer.breaker) == (older.service, older.breaker)
    return same and newer.id != older.id and newer.instance in (None, older.instance)
