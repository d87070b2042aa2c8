"""Order: what an operator wants of a breaker, in every replica or in one. Pure.

Each order replaces what was ordered before, so the newest that concerns a breaker is all that counts. It ends by
itself `for_s` seconds after it was given, by the board's clock, whenever a replica hears of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from holdfast.shared.runtime.time_budgets import OVERRIDE_MAX_S


class Measure(StrEnum):
    """What may be done to a breaker."""

    FORCE_OPEN = "force_open"
    FORCE_CLOSED = "force_closed"
    OBSERVE_ONLY = "observe_only"
    LIFT = "lift"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Order:
    """`instance` None: every replica of the service."""

    id: str
    service: str
    breaker: str
    instance: str | None
    measure: Measure
    actor: str
    reason: str
    for_s: float

    def concerns(self, service: str, instance: str) -> bool:
        """Whether it is for a breaker of this process."""
        return self.service == service and self.instance in (None, instance)

    def fields(self) -> dict[str, str]:
        """As it stands on the board."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}

    @classmethod
    def parse(cls, fields: Mapping[bytes, bytes]) -> Self:
        """From the board. Raises ValueError for what makes no sense: another build may have written it."""
        told = {name.decode(): value.decode() for name, value in fields.items()}
        try:
            order = cls(
                told["id"],
                told["service"],
                told["breaker"],
                told.get("instance"),
                Measure(told["measure"]),
                told["actor"],
                told["reason"],
                float(told["for_s"]),
            )
        except KeyError as error:
            raise ValueError(f"no {error}") from None
        if not (0 < order.for_s <= OVERRIDE_MAX_S and order.actor.strip() and order.reason.strip()):
            raise ValueError("nobody, for no reason, or for no such time")
        return order


@dataclass(frozen=True, slots=True)
class IssuedOrder:
    """An order, and when it ends, in Unix milliseconds of the board's clock."""

    order: Order
    until_ms: float

    @classmethod
    def entry(cls, entry_id: str, fields: Mapping[bytes, bytes]) -> Self:
        """From a stream entry, whose id is the time at which it was given. Raises ValueError."""
        order = Order.parse(fields)
        return cls(order, int(entry_id.partition("-")[0]) + order.for_s * 1000)
