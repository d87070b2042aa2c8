"""Levers: inject and undo each kind of fault on the processes, links and stores of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from deploy.third_party.party import ThirdParty
from tests.models.database.server import DatabaseModel
from tests.models.redis.cluster import Cluster
from tests.models.redis.server import RedisModel
from tests.simulation.cluster import ClusterLevers
from tests.simulation.failover import FailoverLevers
from tests.simulation.hand import Hand
from tests.simulation.kinds import DATABASE, THIRD_PARTY, WRITERS
from tests.simulation.nodes import Node
from tests.simulation.outside import OutsideLevers
from tests.simulation.plan import Fault
from tests.simulation.simulation import Simulation

#: Error numbers of a trigger, and of a constraint that calls the data wrong. The latter is chosen by adding so much to
#: the amount.
_TRIGGER, _BAD_DATA, _AS_DATA = 1644, 4025, 0.5
#: Least share of the amount by which a slow link is late.
_LEAST = 0.3
#: A kill "between commit and acknowledgement" comes within so many steps of the writer.
_STEPS_AFTER_COMMIT = 40
#: Seconds between two tries to put a renamed stream back.
_AGAIN_S = 0.1
#: Any other kill comes within so many steps.
_STEPS = 200


@dataclass
class Stage:
    """The parts of a run that levers act on."""

    simulation: Simulation
    nodes: Mapping[str, Node]
    queue: RedisModel
    cache: RedisModel
    database: DatabaseModel
    #: The clients' machines.
    clients: list[str]
    hand: Hand
    third_party: ThirdParty
    #: The queue's servers if there are several, and one key of each of its slots.
    cluster: Cluster | None = None
    slots: Sequence[str] = ()
    #: Writers that die at their next commit -> how many seconds they stay down.
    doomed: dict[str, float] = field(default_factory=dict)
    #: Apis that freeze at their next claim.
    dozing: set[str] = field(default_factory=set)


class WorldLevers(OutsideLevers, FailoverLevers, ClusterLevers):
    """The levers of all kinds. `begin` and `end` call the methods named after the fault's kind."""

    def __init__(self, stage: Stage, chance: Random) -> None:
        OutsideLevers.__init__(self, stage.third_party, stage.nodes.get(THIRD_PARTY))
        FailoverLevers.__init__(self, stage.queue, stage.simulation.network)
        ClusterLevers.__init__(self, stage.cluster, stage.slots, stage.simulation.loop, chance)
        self._stage = stage
        self._chance = chance
        #: Functions that release the rows which a foreign transaction holds.
        self._held: list[Callable[[], None]] = []

    def begin(self, fault: Fault) -> bool:
        """Inject the fault. Return False if its target does not exist."""
        make: Callable[[Fault], bool | None] = getattr(self, f"_{fault.kind}")
        return make(fault) is not False

    def end(self, fault: Fault) -> None:
        """Undo the fault."""
        undo: Callable[[Fault], None] | None = getattr(self, f"_end_{fault.kind}", None)
        if undo:
            undo(fault)

    # --- processes ---

    def _node(self, fault: Fault) -> Node | None:
        node = self._stage.nodes.get(fault.target)
        return node if node is not None and node.running else None

    def _kill(self, fault: Fault) -> bool:
        if (node := self._node(fault)) is None:
            return False
        node.kill(after_steps=self._chance.randrange(_STEPS))
        return True

    def _end_kill(self, fault: Fault) -> None:
        node = self._stage.nodes[fault.target]
        if node.running:
            node.kill()
        node.start()

    def _kill_at_commit(self, fault: Fault) -> bool:
        if self._node(fault) is None:
            return False
        self._stage.doomed[fault.target] = fault.for_s
        return True

    def committed(self) -> None:
        """Note a commit of the running process, and kill the process if it is doomed."""
        machine = self._stage.simulation.loop.process.machine
        if machine in self._stage.doomed:
            down_s = self._stage.doomed.pop(machine)
            node = self._stage.nodes[machine]
            node.kill(after_steps=1 + self._chance.randrange(_STEPS_AFTER_COMMIT))
            loop, doomed = self._stage.simulation.loop, node.process

            def again() -> None:
                if node.process is doomed:  # the writer may have had nothing to commit until now
                    node.kill()
                if not node.running:
                    node.start()

            loop.deliver(loop.world, loop.now_s + down_s, again, context=loop.world.base.copy())

    def _end_kill_at_commit(self, fault: Fault) -> None:
        self._stage.doomed.pop(fault.target, None)

    def _stop(self, fault: Fault) -> bool:
        if (node := self._node(fault)) is None:
            return False
        node.stop()
        return True

    _end_stop = _end_kill

    def _freeze(self, fault: Fault) -> bool:
        if (node := self._node(fault)) is None:
            return False
        node.freeze()
        return True

    def _end_freeze(self, fault: Fault) -> None:
        self._stage.nodes[fault.target].thaw()

    def _freeze_at_claim(self, fault: Fault) -> bool:
        if self._node(fault) is None:
            return False
        self._stage.dozing.add(fault.target)
        return True

    def claimed(self) -> None:
        """Freeze the running process if it was to freeze at its next claim."""
        machine = self._stage.simulation.loop.process.machine
        if machine in self._stage.dozing:
            self._stage.dozing.remove(machine)
            self._stage.nodes[machine].freeze()

    def _end_freeze_at_claim(self, fault: Fault) -> None:
        self._stage.dozing.discard(fault.target)
        self._end_freeze(fault)

    def _freeze_after_query(self, fault: Fault) -> bool:
        return self._frozen_after(fault, "database")

    def _freeze_after_reply(self, fault: Fault) -> bool:
        return self._frozen_after(fault, "queue")

    def _frozen_after(self, fault: Fault, store: str) -> bool:
        """Freeze the process when so many more answers of the store have arrived."""
        node = self._node(fault)
        if node is None:
            return False
        link = self._stage.simulation.network.link(fault.target, store)
        left = int(fault.amount)

        def answered() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                link.on_answer = None
                node.freeze()

        link.on_answer = answered
        return True

    def _end_frozen_after(self, fault: Fault) -> None:
        for store in ("database", "queue"):
            self._stage.simulation.network.link(fault.target, store).on_answer = None
        self._end_freeze(fault)

    _end_freeze_after_query = _end_freeze_after_reply = _end_frozen_after

    def _clock_jump(self, fault: Fault) -> None:
        self._stage.simulation.clock(fault.target).jump(fault.amount)

    def _end_clock_jump(self, fault: Fault) -> None:
        self._stage.simulation.clock(fault.target).jump(-self._stage.simulation.clock(fault.target).offset_s)

    def _clock_drift(self, fault: Fault) -> None:
        self._rate(fault.target, 1 + fault.amount)

    def _end_clock_drift(self, fault: Fault) -> None:
        self._rate(fault.target, 1.0)
        self._end_clock_jump(fault)

    def _rate(self, machine: str, rate: float) -> None:
        """Change the rate of a clock from now on, without a jump."""
        clock = self._stage.simulation.clock(machine)
        shift_s = self._stage.simulation.loop.now_s * (clock.rate - rate)
        clock.rate = rate
        clock.offset_s += shift_s
        clock.uptime_s += shift_s

    def _older_build(self, fault: Fault) -> bool:
        return self._deployed(fault.target, older=True)

    def _end_older_build(self, fault: Fault) -> None:
        self._deployed(fault.target, older=False)

    def _deployed(self, name: str, *, older: bool) -> bool:
        node = self._stage.nodes.get(name)
        if node is None:
            return False
        node.older = older
        node.kill()
        node.start()
        return True

    def _no_writers(self, _: Fault) -> bool:
        writers = self._writers()
        for node in writers:
            node.stop()
        return bool(writers)

    def _end_no_writers(self, _: Fault) -> None:
        for node in self._writers():
            if node.running:  # the stop has not finished, and its time is over
                node.kill()
            node.start()

    def _writers(self) -> list[Node]:
        return [node for name, node in self._stage.nodes.items() if name.startswith(WRITERS)]

    # --- networks ---

    def _links(self, fault: Fault) -> list[Any]:
        source, _, target = fault.target.partition(">")
        sources = self._stage.clients if source == "clients" else [source]
        return [self._stage.simulation.network.link(each, target) for each in sources]

    def _cut(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.cut()

    _cut_road = _cut

    def _refuse(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.refusing = True
            link.cut()

    def _hang(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.hang()

    _hang_road = _hang

    def _half(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.hang(out=False)

    def _slow(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.slow(fault.amount * _LEAST, fault.amount)

    def _end_link(self, fault: Fault) -> None:
        for link in self._links(fault):
            link.mend()

    _end_refuse = _end_hang = _end_hang_road = _end_half = _end_slow = _end_link

    # --- stores ---

    def _store(self, fault: Fault) -> Any:
        return getattr(self._stage, fault.target)

    def _die(self, fault: Fault) -> None:
        self._store(fault).die()

    def _end_die(self, fault: Fault) -> None:
        self._store(fault).restart()

    def _stall(self, fault: Fault) -> None:
        self._store(fault).freeze()

    def _end_stall(self, fault: Fault) -> None:
        self._store(fault).thaw()

    def _fill(self, fault: Fault) -> None:
        self._filled(fault, full=True)

    def _end_fill(self, fault: Fault) -> None:
        self._filled(fault, full=False)

    def _filled(self, fault: Fault, *, full: bool) -> None:
        if fault.target == DATABASE:
            self._stage.database.faults.full = full
        else:
            self._store(fault).fill(full)

    def _read_only(self, fault: Fault) -> None:
        self._demoted(fault, replica=True)

    def _end_read_only(self, fault: Fault) -> None:
        self._demoted(fault, replica=False)

    def _demoted(self, fault: Fault, *, replica: bool) -> None:
        if fault.target == DATABASE:
            self._stage.database.faults.read_only = replica
        else:
            self._store(fault).read_only(replica)

    def _loading(self, fault: Fault) -> None:
        self._store(fault).loading(True)

    def _end_loading(self, fault: Fault) -> None:
        self._store(fault).loading(False)

    def _lose_last(self, fault: Fault) -> None:
        self._stage.hand.forgotten()
        self._store(fault).lose_last(fault.amount)

    def _wipe(self, fault: Fault) -> None:
        self._stage.hand.forgotten()
        self._store(fault).wipe()

    def _wipe_cache(self, fault: Fault) -> None:
        self._store(fault).wipe()

    # --- the database ---

    def _lose_answer(self, fault: Fault) -> None:
        self._stage.database.faults.lose_answer = fault.amount

    def _end_lose_answer(self, _: Fault) -> None:
        self._stage.database.faults.lose_answer = 0.0

    def _refuse_commit(self, fault: Fault) -> None:
        self._stage.database.faults.refuse_commit = fault.amount

    def _end_refuse_commit(self, _: Fault) -> None:
        self._stage.database.faults.refuse_commit = 0.0

    def _deadlock(self, fault: Fault) -> None:
        self._stage.database.faults.deadlock = fault.amount

    def _end_deadlock(self, _: Fault) -> None:
        self._stage.database.faults.deadlock = 0.0

    def _lock_wait(self, fault: Fault) -> None:
        self._held.append(self._stage.database.hold_rows("users", int(fault.amount)))

    def _end_lock_wait(self, _: Fault) -> None:
        while self._held:
            self._held.pop()()

    def _number(self, fault: Fault) -> None:
        self._stage.database.faults.number = int(fault.amount)

    def _end_number(self, _: Fault) -> None:
        self._stage.database.faults.number = 0

    def _no_quorum(self, _: Fault) -> None:
        self._stage.database.faults.no_quorum = True

    def _end_no_quorum(self, _: Fault) -> None:
        self._stage.database.faults.no_quorum = False

    def _behind(self, fault: Fault) -> None:
        self._stage.database.faults.behind_s = fault.amount

    def _end_behind(self, _: Fault) -> None:
        self._stage.database.faults.behind_s = 0.0

    def _refuse_rows(self, fault: Fault) -> bool:
        faults = self._stage.database.faults
        faults.refusal = _BAD_DATA if fault.amount % 1 == _AS_DATA else _TRIGGER
        refused = self._stage.database.refuse_rows("users", int(fault.amount))
        self._stage.hand.refused(str(id) for *_, id in refused)
        return bool(refused)

    def _end_refuse_rows(self, _: Fault) -> None:
        self._stage.database.faults.refused.clear()

    def _sessions(self, _: Fault) -> None:
        self._stage.database.end_sessions()

    # --- by hand ---

    def _poison(self, fault: Fault) -> None:
        self._stage.hand.poison(int(fault.amount), self._chance.getrandbits(32))

    _flood = _poison

    def _junk(self, fault: Fault) -> None:
        self._stage.hand.junk(int(fault.amount), self._chance)

    def _junk_letter(self, _: Fault) -> None:
        self._stage.hand.junk_letter(self._chance)

    def _ahead(self, fault: Fault) -> None:
        self._stage.hand.ahead(fault.amount)

    def _orphans(self, _: Fault) -> bool:
        return bool(self._stage.hand.orphans(self._chance))

    def _taken(self, fault: Fault) -> bool:
        return bool(self._stage.hand.taken(int(fault.amount), self._chance))

    def _renamed(self, _: Fault) -> bool:
        return self._stage.hand.rename()

    def _end_renamed(self, fault: Fault) -> None:
        if not self._stage.hand.rename_back():
            self._at(self._stage.simulation.loop.now_s + _AGAIN_S, lambda: self._end_renamed(fault))

    def _twice(self, fault: Fault) -> bool:
        return bool(self._stage.hand.twice(int(fault.amount), self._chance))
