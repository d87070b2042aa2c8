"""Operators: people who use dlq_admin at the same time, without agreeing with one another. They look, edit, transform,
replay, pause, recall, discard and restore."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import orjson

from deploy.client.connections import Address, Connections, Response
from tests import keys
from tests.simulation.workload import Recorder, Request

_PATIENT_S = 60.0
_REASON = "simulated"
_ORDERS = ("pause", "resume", "resume", "cancel", "recall", "approve")
#: The correct value for each defect of `deploy.poison`.
_MEND: tuple[list[dict[str, Any]], ...] = (
    [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}],
    [{"op": "replace", "path": "/payload/name", "value": "mended"}],
    [{"op": "replace", "path": "/schema", "value": "2"}],
)
#: Number of letters that an operator remembers.
_REMEMBERED = 30
_ENDED = ("done", "cancelled", "recalled")


class Operator:
    """One operator."""

    def __init__(
        self, number: int, seed: int, pause_s: float, admins: Sequence[str], recorder: Recorder, *, port: int
    ) -> None:
        self.name = f"operator-{number}"
        self._chance = Random(f"operator {number} of {seed}")
        #: Letters that were dead when the operator last looked.
        self._seen: list[str] = []
        self._pause_s, self._admins, self._recorder, self._port = pause_s, admins, recorder, port
        #: The colleague who may approve what this operator began.
        self._headers = keys.bearer((keys.OPERATOR, keys.ADMIN)[number % 2])
        self._lines: dict[str, Connections] = {}
        self._count = 0

    async def run(self, now: Callable[[], float], until_s: float) -> None:
        """Act until the given time."""
        while (pause_s := self._chance.expovariate(1 / self._pause_s)) < until_s - now():
            await asyncio.sleep(pause_s)
            await self._act()

    async def tidy(self) -> list[dict[str, Any]]:
        """Look once at the replays that wait for a person, and resume or recall them. Return the replays that have not
        ended."""
        open_ones = [
            each for each in await self.ask("GET", "/dlq/replays?limit=200") or [] if each["state"] not in _ENDED
        ]
        for each in open_ones:
            if each["state"] in ("paused", "stopped", "awaiting_approval"):
                await self.ask("POST", f"/dlq/replays/{each['id']}/cancel", {"reason": _REASON})
        return open_ones

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request to any replica, and return `data` of the answer, or None."""
        admin = self._chance.choice(self._admins)
        line = self._lines.setdefault(admin, Connections(Address(admin, self._port), timeout_s=_PATIENT_S))
        headers = {**self._headers, "X-Request-ID": f"{self.name}-{self._count}"}
        self._count += 1
        request = Request(f"{self.name}-{self._count}", method, path, body, headers)
        number = self._recorder.invoked(self.name, admin, request)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        response: Response = await line.request(method, path, lines, b"" if body is None else orjson.dumps(body))
        self._recorder.ended(number, response)
        if response.status != 200:
            return None
        document = orjson.loads(response.body)
        return document["data"] if document["success"] else None

    async def _act(self) -> None:
        actions = (self._edit, self._transform, self._replay, self._replay, self._order, self._order, self._discard,
                   self._restore, self._what_if, self._look, self._edit_late, self._send_and_recall)  # fmt: skip
        await self._chance.choice(actions)()

    async def _letters(self, state: str) -> list[str]:
        found = await self.ask("GET", f"/dlq/letters?state={state}&limit=20")
        ids = [each["id"] for each in found or []]
        self._seen = [*self._seen, *ids][-_REMEMBERED:]
        return self._chance.sample(ids, self._chance.randint(1, len(ids))) if ids else []

    async def _selection(self, state: str) -> dict[str, Any] | None:
        if self._chance.random() < 0.3:
            return {"filter": {"state": state}}
        ids = await self._letters(state)
        return {"ids": ids} if ids else None

    async def _counted(self, path: str, wish: dict[str, Any]) -> Any:
        """Count with a dry run first; then act, which fails if the selection has changed since."""
        preview = await self.ask("POST", path, wish | {"dry_run": True})
        if not preview:
            return None
        return await self.ask("POST", path, wish | {"expected_count": preview["count"]})

    async def _bulk(self, path: str, state: str, **more: Any) -> Any:
        selection = await self._selection(state)
        return selection and await self._counted(path, {"selection": selection, "reason": _REASON, **more})

    async def _edit(self) -> None:
        for letter in (await self._letters("dead"))[:2]:
            change: dict[str, Any] = {"patch": self._chance.choice(_MEND)}
            if self._chance.random() < 0.3:
                change = {"payload": {"name": "edited", "email": f"{letter}@example.com"}}
            await self.ask("POST", f"/dlq/letters/{letter}/edits", {"reason": _REASON, **change})
            if self._chance.random() < 0.2:
                await self.ask("POST", f"/dlq/letters/{letter}/revert", {"reason": _REASON, "to": 0})

    async def _edit_late(self) -> None:
        """Edit a letter as it was when its page was opened a while ago."""
        if self._seen:
            path = f"/dlq/letters/{self._chance.choice(self._seen)}/edits"
            await self.ask("POST", path, {"reason": _REASON, "patch": self._chance.choice(_MEND)})

    async def _send_and_recall(self) -> None:
        made = await self._bulk("/dlq/replays", "dead", rate_per_s=500.0, canary=[])
        if made:
            await asyncio.sleep(self._chance.uniform(0, 1))
            await self.ask("POST", f"/dlq/replays/{made['id']}/recall", {"reason": _REASON})

    async def _transform(self) -> None:
        made = await self._bulk("/dlq/transforms", "dead", patch=self._chance.choice(_MEND))
        if made and self._chance.random() < 0.2:
            await self._counted(f"/dlq/transforms/{made['transform_id']}/revert", {"reason": _REASON})

    async def _replay(self) -> None:
        rate, canary = self._chance.choice((0.5, 5.0, 500.0)), self._chance.choice(([], [1], [1, 5, 25]))
        stop = self._chance.choice(({}, {"failing_share": 1}))
        made = await self._bulk("/dlq/replays", "dead", rate_per_s=rate, canary=canary, stop=stop)
        if made and self._chance.random() < 0.3:
            await self.ask("POST", f"/dlq/replays/{made['id']}/recall", {"reason": _REASON})

    async def _order(self) -> None:
        found = await self.ask("GET", "/dlq/replays?limit=10")
        if ids := [each["id"] for each in found or [] if each["state"] not in _ENDED]:
            order = self._chance.choice(_ORDERS)
            await self.ask("POST", f"/dlq/replays/{self._chance.choice(ids)}/{order}", {"reason": _REASON})

    async def _discard(self) -> None:
        await self._bulk("/dlq/discards", "dead")

    async def _restore(self) -> None:
        await self._bulk("/dlq/restores", "discarded")

    async def _what_if(self) -> None:
        if selection := await self._selection("dead"):
            await self.ask("POST", "/dlq/what-if", {"selection": selection})

    async def _look(self) -> None:
        await self.ask(
            "GET", self._chance.choice(("/dlq/groups", "/ledger", "/dlq/overview", "/dlq/writers", "/dlq/audit"))
        )
