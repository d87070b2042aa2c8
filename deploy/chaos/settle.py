"""Settle: after the run, what became of every write that was acknowledged, and whether the ledger balances."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy.chaos.samples import Write
from deploy.scenarios.ask import ask

_PATIENCE_S = 5.0
#: Between questions: hundreds at once would be turned away while the breakers let clients back in.
_PACE_S = 0.025
_AGAIN_S = 0.5


@dataclass(frozen=True)
class Ended:
    """One acknowledged write. Times are Unix seconds."""

    state: str
    accepted: float
    ended: float


@dataclass
class Settled:
    """Of all acknowledged writes."""

    ends: list[Ended] = field(default_factory=list)
    #: Operations that are in no final state.
    lost: list[str] = field(default_factory=list)
    #: Writes whose client never found out, and those who did when they asked again.
    in_doubt: int = 0
    resolved: int = 0
    balanced: bool = False
    ledger: dict[str, int] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, int]:
        """How many ended how."""
        return dict(Counter(end.state for end in self.ends))


def settle(api: str, dlq_admin: str, token: str, writes: Iterable[Write], within_s: float) -> Settled:
    """Ask for each until it is final, at most so long in all."""
    settled, deadline = Settled(), time.monotonic() + within_s
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
    _balance(dlq_admin, token, settled, deadline)
    return settled


def _resolve(api: str, write: Write, settled: Settled, deadline: float) -> None:
    """Send it again with its key, as a client in doubt should."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": write.key}
    while write.in_doubt and time.monotonic() < deadline:
        answer = ask(api, write.method, write.path, json.dumps(write.body).encode(), headers, _PATIENCE_S)
        write.told(answer.body)
        if 400 <= answer.status < 500 and answer.status not in (409, 429):
            write.refused = True
        if write.in_doubt:
            time.sleep(_AGAIN_S)
    settled.in_doubt += write.in_doubt
    settled.resolved += not write.in_doubt


def _end(api: str, operation: str, deadline: float) -> Ended | None:
    while True:
        answer = ask(api, "GET", f"/operations/{operation}", None, {}, _PATIENCE_S)
        data = answer.body.get("data") if isinstance(answer.body, dict) else None
        if answer.status == 200 and isinstance(data, dict) and _over(data):
            return Ended(data["status"], _unix(data["accepted_at"]), _unix(data["ended_at"] or data["accepted_at"]))
        if time.monotonic() > deadline:
            return None
        time.sleep(_AGAIN_S)


def _over(data: dict[str, Any]) -> bool:
    return bool(data["done"] or data["status"] == "dead_lettered")


def _balance(dlq_admin: str, token: str, settled: Settled, deadline: float) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        answer = ask(dlq_admin, "GET", "/dlq/overview", None, headers, _PATIENCE_S)
        ledger = answer.body["data"]["ledger"] if answer.status == 200 else None
        if ledger:
            settled.ledger = ledger
            settled.balanced = ledger["missing"] == 0
        if settled.balanced or time.monotonic() > deadline:
            return
        time.sleep(_AGAIN_S)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
