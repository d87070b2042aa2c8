"""Run: takes one plan to its verdict. Load and faults come first; then everything is mended and must come to rest; then
tests/promises judges the history."""

import asyncio
import hashlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from holdfast.shared.queue.partitions import Partitions
from tests.models.database.server import translator
from tests.promises.case import Case
from tests.promises.history import Alone, AtRest, History, Ok
from tests.promises.history import Fault as Broken
from tests.promises.limits import Limits
from tests.promises.verdict import judge
from tests.simulation import afterwards, at_rest, claimed, driver, kinds, outside
from tests.simulation.alone import alone
from tests.simulation.counts import counted
from tests.simulation.hand import Hand
from tests.simulation.kinds import ALL
from tests.simulation.levers import Stage, WorldLevers
from tests.simulation.nemesis import Nemesis
from tests.simulation.operators import Operator
from tests.simulation.plan import Cut, Fault, Plan
from tests.simulation.probe import Probe
from tests.simulation.record import Record
from tests.simulation.result import Result
from tests.simulation.simulation import Simulation
from tests.simulation.watch import Watch
from tests.simulation.workload import Client, Known
from tests.simulation.world import ADMIN_PORT, World

#: Time limits: for processes to start, for retries of keyed writes after everything is mended, and for everything to
#: come to rest.
_START_S, _INSIST_S, _REST_S = 30.0, 90.0, 240.0
#: Recovery limit. The patience of writers with a write that follows a dead letter is added.
_RECOVERY_S = 60.0
#: Longest time to an answer: the api's own limit, the longest `Prefer: wait`, and the error of a slow clock.
_ANSWER_S = 17.0
#: By how much an answer may miss the time that its request gave.
_LATE_S = 0.3
#: The longest time to an answer of the third party, for which there is no longer wait.
_EXTERNAL_S = 8.0
#: Greatest difference of two clocks without a clock fault, and with one.
_CALM_CLOCK_S, _WRONG_CLOCK_S = 1.5, 90.0
#: Time that a restarted process may take to answer.
_BOOT_S = 1.0
_ASKED_FOR = 8


def run(plan: Plan, cut: Cut, *, timeline: bool = False) -> Result:
    """Run a plan, and return the result. `timeline`: with all lines."""
    began, known = time.perf_counter(), len(translator().texts())
    logging.getLogger("faststream").addFilter(lambda _: False)  # the services log FastStream's failures themselves
    with tempfile.TemporaryDirectory() as folder:
        one = Run(plan, Path(folder))
        short = any(fault.kind == "freeze_at_claim" for fault in plan.faults)
        with (
            driver.installed(one.simulation, one.world.database.connect, one.world.seen),
            claimed.installed(one.world.claims, one.now, short=short),
        ):
            one.simulation.run(one.scenario)
        violations = one.violations()
    text = one.simulation.timeline.text()
    return Result(
        plan.seed, cut, violations, one.seen(), one.now(), time.perf_counter() - began, one.record.requests,
        hashlib.sha256(text.encode()).hexdigest(), text if timeline else "", tuple(translator().texts()[known:]),
    )  # fmt: skip


class Run:
    """One run of a plan. `folder`: for the files of the world."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.simulation = simulation = Simulation(plan.seed)
        self._say = simulation.timeline.say
        self.world = world = World(simulation, plan, folder)
        self.record = Record(self.now, self._say)
        partitions = Partitions(plan.partitions)
        self._hand = hand = Hand(world.command, world.clock("queue"), self.now, self.record.events.append, partitions)
        clients = [f"client-{number}" for number in plan.clients]
        stage = Stage(
            simulation, world.nodes, world.redis["queue"], world.redis["cache"], world.database, clients, hand,
            world.third_party, world.cluster, [partition.writes for partition in partitions],
        )  # fmt: skip
        levers = WorldLevers(stage, simulation.chance("levers"))
        world.seen.on_commit.append(levers.committed)
        world.claims.on_claim.append(levers.claimed)
        self.nemesis = Nemesis(levers, self._report)
        self.watch = Watch(world.sql, self.now)
        self.probe = Probe(world.ports, world.command, self.record, self.now, lambda: hand.poisoned)
        self._alone: list[Alone] = []
        self._begun: dict[tuple[str, str], float] = {}
        self._before = counted()

    def now(self) -> float:
        """Return the true time."""
        return self.simulation.loop.now_s

    async def scenario(self) -> None:
        """Run the whole scenario."""
        self.world.start()
        assert await self._on("probe", lambda: self.probe.until_alive(_START_S)), self.probe.waits_for
        watching = asyncio.create_task(self.watch.run())
        began_s = self.now()
        until_s = began_s + self.plan.load_s
        load = [self._on(each.name, self._acting(each, until_s)) for each in self._people()]
        await self.nemesis.rage(self.plan.faults, lambda: self.now() - began_s, self.plan.load_s)
        self.world.mend()
        mended_s = self.now()
        self._say("world", "all is mended, no new load")
        await asyncio.gather(*load)
        paced_s = at_rest.paced_s(self.world.sql)
        if await self._on("probe", lambda: self.probe.until_rest(_REST_S + paced_s)):
            self.record.events.append(AtRest(self.now(), mended_s, paced_s))
            self._say("world", "at rest")
            await self._on("probe", self._afterwards)
        watching.cancel()
        await asyncio.wait([watching])

    async def _afterwards(self) -> None:
        """Use the system as on any day; then stop the apis, and their heartbeats with them, so that the ledger stands
        still. Operations that are nowhere are read first, after an auditor has had time to look."""
        await self.probe.use()
        if gone := self._gone():
            await asyncio.sleep(2 * self.plan.audit_every_s)
            await self.probe.ask_for(gone)
        for name in self.world.named("api"):
            self.world.nodes[name].stop()
        await self.probe.until_balanced(_REST_S)

    def _gone(self) -> list[str]:
        """Return the acknowledged operations that no store knows."""
        known = {id for table in ("operations", "dead_letters")
                 for id, *_ in self.world.sql(f"SELECT operation_id FROM {table}")}  # fmt: skip
        acknowledged = {event.operation_id for event in self.record.events if isinstance(event, Ok)}
        return sorted(acknowledged - known - {""})[:_ASKED_FOR]

    def _on(self, machine: str, main: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        """Run on a machine of its own, so that its connections have links."""
        outcome: list[Any] = []

        async def act() -> None:
            outcome.append(await main())

        async def wait() -> Any:
            await self.simulation.loop.spawn(self.simulation.process(machine), act)
            return outcome[0]

        return asyncio.create_task(wait())

    def _acting(self, person: Client | Operator, until_s: float) -> Callable[[], Coroutine[Any, Any, None]]:
        if isinstance(person, Client):
            return lambda: person.run(self.now, until_s, until_s + _INSIST_S)
        return lambda: person.run(self.now, until_s)

    def _people(self) -> list[Client | Operator]:
        return [*self._clients(), *self._operators()]

    def _clients(self) -> list[Client]:
        plan, known, ports = self.plan, Known(), self.world.ports
        return [Client(number, plan.seed, plan.mix, plan.pause_s, ports, known, self.record) for number in plan.clients]

    def _operators(self) -> list[Operator]:
        admins = self.world.named("admin")
        return [
            Operator(number, self.plan.seed, self.plan.operator_pause_s, admins, self.record, port=ADMIN_PORT)
            for number in self.plan.operators
        ]

    def _report(self, fault: Fault, begins: bool) -> None:
        one = fault.kind, fault.target
        what = ALL[fault.kind].what
        if begins:
            self._say("nemesis", f"{fault.kind} {fault.target}: {what}", amount=fault.amount, for_s=fault.for_s)
            self._begun.setdefault(one, self.now())
            if fault.for_s:
                return
        else:
            self._say("nemesis", f"{fault.kind} {fault.target} is over")
        at_s = self._begun.pop(one)
        forgets_s = self._forgets_since(fault, at_s)
        # A client's link to an api is broken for both.
        target = fault.target.removeprefix("clients>")
        self.record.events.append(Broken(at_s, self.now() + _BOOT_S, fault.kind, target, forgets_s))

    def _forgets_since(self, fault: Fault, at_s: float) -> float | None:
        match ALL[fault.kind].forgets:
            case "":
                return None
            case kinds.UNACKNOWLEDGED:
                return self.now() + _BOOT_S  # no acknowledged data
            case _:
                return at_s - fault.amount if fault.amount else 0.0

    def violations(self) -> list[str]:
        """Return the violations of all promises."""
        clocks = any(fault.kind.startswith("clock") for fault in self.plan.faults)
        limits = Limits(
            answer_s=_ANSWER_S,
            late_s=_LATE_S,
            recovery_s=_RECOVERY_S + self.plan.patience_s,
            clock_s=_WRONG_CLOCK_S if clocks else _CALM_CLOCK_S,
            external_s=_EXTERNAL_S,
            partitions=self.plan.partitions,
            heartbeats=self._hand.heartbeats,
            retry_burst=sum(outside.BURST * self.world.nodes[name].incarnations for name in self.world.named("proxy")),
        )
        final = at_rest.final(self.world.sql, self.world.command, self.probe.ledger, self.world.ended)
        lines = self.simulation.timeline.lines
        self._final = replace(
            final, arrivals=outside.arrivals(self.world.third_party, self.simulation.network),
            imbalances=tuple(afterwards.imbalances(lines)),
            resent=None if self.plan.forgets else final.resent,  # the store was restored to an earlier state
        )  # fmt: skip
        events = [*self.record.events, *outside.openings(lines), *afterwards.tripped(lines)]
        if not self.plan.mix.fresh:  # a client that refuses copies has no answer while the database is down
            self._alone = [*alone(event for event in events if isinstance(event, Broken))]
        verdict = judge(
            Case(History(sorted([*events, *self._alone], key=lambda event: event.at_s)), self._final, limits)
        )
        found = [f"{each.kind}: {each.what}" for each in verdict.violations]
        if self.probe.waits_for:
            found.append(f"stuck: at the end, {self.probe.waits_for}")
        found += [f"harness: {each}" for each in self.simulation.faults]
        for server in self.world.redis.values():
            found += [f"undeclared: a script touched {key!r}" for key in sorted(server.executor.undeclared)]
        return [*self.watch.violations, *found]

    def _accepted_later(self, operation_id: str) -> bool:
        """Return whether this operation was accepted after its claims had been swept."""
        rows = self.world.sql(f"SELECT entry_id FROM operations WHERE operation_id = '{operation_id}'")
        rows += self.world.sql(f"SELECT entry_id FROM dead_letters WHERE operation_id = '{operation_id}'")
        swept_s = self.simulation.clock("queue").wall(self.world.claims.swept[operation_id])
        return any(entry and int(entry.split("-")[0]) / 1000 > swept_s for (entry,) in rows)

    def seen(self) -> Counter[str]:
        """Return everything that *sometimes* counts."""
        seen = Counter({f"fault:{kind}": count for kind, count in self.nemesis.made.items()})
        seen += self.record.seen + (counted() - self._before) + self.world.seen.counts
        seen.update(f"log:{line.split(maxsplit=3)[2]}" for line in self.simulation.timeline.lines)
        seen.update(f"alone:{each.dependency}" for each in self._alone)
        if cluster := self.world.cluster:
            seen.update({f"cluster:{word}": count for word, count in cluster.refused.items()})
        seen["ledger:lost"] += max(0, (self.probe.ledger or {}).get("lost", 0))
        seen.update(f"ended:{ended.code or ended.effect}" for ended in self._final.ended)
        seen["claim:swept before its acceptance"] += sum(map(self._accepted_later, self.world.claims.swept))
        for replay in self._final.replays:
            seen.update({f"replay:{state}": count for state, count in replay.outcomes.items()})
            if replay.state == "recalled" and set(replay.outcomes) - {"recalled", "withdrawn"}:
                seen["replay:sent before a recall"] += 1
        return seen
