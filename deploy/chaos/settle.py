"""Settle: determines after a run how every acknowledged write ended, and whether the ledger balances."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy.chaos.writes import Write
from deploy.client.request import bearer, request
from deploy.stacks.stack import Stack

_PATIENCE_S = 5.0
#: Pause between requests. Hundreds at once would be shed while the breakers let clients back in.
_PACE_S = 0.025
_AGAIN_S = 0.5


@dataclass(frozen=True)
class Ended:
    """The end of one acknowledged write. Times are Unix seconds."""

    state: str
    accepted: float
    ended: float


@dataclass
class Settled:
    """The ends of all acknowledged writes."""

    ends: list[Ended] = field(default_factory=list)
    #: Operations that are not in a final state.
    lost: list[str] = field(default_factory=list)
    #: Writes whose clients never learned the result, and those whose clients learned it by a retry.
    in_doubt: int = 0
    resolved: int = 0
    balanced: bool = False
    ledger: dict[str, int] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, int]:
        """Count the ends."""
        return dict(Counter(end.state for end in self.ends))


def settle(stack: Stack, writes: Iterable[Write], within_s: float) -> Settled:
    """Poll each operation until it is final, for at most so many seconds in all."""
    settled, deadline, api = Settled(), time.monotonic() + within_s, stack.address("api")
    writes = list(writes)
    for write in writes:
        if write.in_doubt:
            _resolve(api, write, settled, deadline)
    for write in writes:
        if write.operation:
            time.sleep(_PACE_S)
            end = _end(api, write.operation, deadline)
            if end:
                settled.ends.append(end)
            else:
                settled.lost.append(write.operation)
    _balance(stack, settled, deadline)
    return settled


def _resolve(api: str, write: Write, settled: Settled, deadline: float) -> None:
    """Retry with the same key, as a client in doubt should."""
    method, path, _, body, key = write.request
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    while write.in_doubt and time.monotonic() < deadline:
        response = request(api, method, path, body, headers, _PATIENCE_S)
        write.learn(response.body)
        if 400 <= response.status < 500 and response.status not in (409, 429):
            write.refused = True
        if write.in_doubt:
            time.sleep(_AGAIN_S)
    settled.in_doubt += write.in_doubt
    settled.resolved += not write.in_doubt


def _end(api: str, operation: str, deadline: float) -> Ended | None:
    while True:
        response = request(api, "GET", f"/operations/{operation}", timeout_s=_PATIENCE_S)
        data = response.body.get("data") if isinstance(response.body, dict) else None
        if response.status == 200 and isinstance(data, dict) and _final(data):
            return Ended(data["status"], _unix(data["accepted_at"]), _unix(data["ended_at"] or data["accepted_at"]))
        if time.monotonic() > deadline:
            return None
        time.sleep(_AGAIN_S)


def _final(data: dict[str, Any]) -> bool:
    return bool(data["done"] or data["status"] == "dead_lettered")


def _balance(stack: Stack, settled: Settled, deadline: float) -> None:
    address, key = stack.address("dlq_admin"), bearer(stack.operator_key)
    while True:
        response = request(address, "GET", "/dlq/overview", None, key, _PATIENCE_S)
        ledger = response.body["data"]["ledger"] if response.status == 200 else None
        if ledger:
            settled.ledger = ledger
            settled.balanced = ledger["missing"] == 0
        if settled.balanced or time.monotonic() > deadline:
            return
        time.sleep(_AGAIN_S)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
