"""Order: an operator's override of a breaker, for every replica of a service or for one. Pure.

An order replaces earlier ones, so only the newest order for a breaker counts. It ends `for_s` seconds after it was
given, by the board's clock, however late a replica reads it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from holdfast.shared.runtime.time_budgets import OVERRIDE_MAX_S


class Measure(StrEnum):
    """The effect of an order on a breaker."""

    FORCE_OPEN = "force_open"
    FORCE_CLOSED = "force_closed"
    OBSERVE_ONLY = "observe_only"
    LIFT = "lift"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Order:
    """An operator's order. If `instance` is None, it is for every replica of the service."""

    id: str
    service: str
    breaker: str
    instance: str | None
    measure: Measure
    actor: str
    reason: str
    for_s: float

    def concerns(self, service: str, instance: str) -> bool:
        """Return whether the order is for a breaker of this process."""
        return self.service == service and self.instance in (None, instance)

    def fields(self) -> dict[str, str]:
        """Return the fields of the order's entry on the board."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}

    @classmethod
    def parse(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Parse an order from an entry's fields. Raises ValueError if they are invalid: another build may have written
        them."""
        texts = {name.decode(): value.decode() for name, value in fields.items()}
        try:
            order = cls(
                texts["id"],
                texts["service"],
                texts["breaker"],
                texts.get("instance"),
                Measure(texts["measure"]),
                texts["actor"],
                texts["reason"],
                float(texts["for_s"]),
            )
        except KeyError as error:
            raise ValueError(f"no {error}") from None
        if not (0 < order.for_s <= OVERRIDE_MAX_S and order.actor.strip() and order.reason.strip()):
            raise ValueError("actor, reason or duration is missing or out of range")
        return order


@dataclass(frozen=True, slots=True)
class IssuedOrder:
    """An order with its end, in Unix milliseconds of the board's clock."""

    order: Order
    until_ms: float

    @classmethod
    def entry(cls, entry_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """Parse an issued order from a stream entry, whose id is the time of the order. Raises ValueError."""
        order = Order.parse(fields)
        return cls(order, int(entry_id.partition("-")[0]) + order.for_s * 1000)
