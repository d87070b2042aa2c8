"""Levers of a running stack, as the nemesis pulls them."""

from typing import Any

import pytest

from deploy.faults.faults import Faults
from deploy.local.nodes import stores
from deploy.local.output import Problem
from deploy.local.settings import StackSettings
from deploy.stacks.faults import Fault, Freeze, Kill, KillPrimary, Network
from tests.verify import levers
from tests.verify.levers import Hops, Service, Store


class Noting:
    """A stack on which every fault succeeds, and which records the faults."""

    def __init__(self) -> None:
        self.prepared: list[Fault] = []
        self.in_force: list[Fault] = []
        self.waited: list[bool] = []

    def prepare(self, faults: list[Fault]) -> None:
        """Record the faults as prepared."""
        self.prepared += faults

    def begin(self, fault: Fault) -> None:
        """Put the fault in force. Raises Problem if it is in force already."""
        if fault in self.in_force:
            raise Problem("twice")
        self.in_force.append(fault)

    def end(self, fault: Fault, *, wait: bool = True) -> None:
        """Lift the fault, and record whether the caller waits for recovery."""
        self.in_force.remove(fault)
        self.waited.append(wait)

    def primary(self, store: str) -> str:
        """Return the second node."""
        return f"{store}-1"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack with a supervisor that can start every program."""

    class Supervisor:
        def start(self, names: list[str]) -> None:
            pass

    monkeypatch.setattr(levers, "Supervisor", Supervisor)
    return Noting()


def test_a_service_is_broken_alone_and_nobody_waits_for_it(stack: Any) -> None:
    """A fault of a service hits one replica only, and its end does not wait for the replica, which may need a store
    that is broken too."""
    [program] = [one for one in levers.programs_of(StackSettings(ha=1)) if one.name == "dlq_admin-1"]
    service = Service(stack, program)
    service.kill()
    assert stack.in_force == [Kill("dlq_admin", only="dlq_admin-1")]
    service.start(wait=False)
    service.freeze()
    assert stack.in_force == [Freeze("dlq_admin", only="dlq_admin-1")]
    service.thaw()
    assert (stack.in_force, stack.waited) == ([], [False, False])


def test_of_a_store_the_primary_is_broken(stack: Any) -> None:
    """A fault of a store hits its primary, and its end waits until all nodes are up before the next fault."""
    store = Store(stack, "queue", stores(StackSettings(ha=1), "queue"))
    store.kill()
    assert stack.in_force == [KillPrimary("queue")]
    store.start()
    store.freeze()
    assert stack.in_force == [Freeze("queue", only="queue-1")]
    store.thaw()
    assert (stack.in_force, stack.waited) == ([], [True, True])


def test_a_way_is_broken_for_one_kind_of_services(stack: Any) -> None:
    """A link is broken for one kind of service by resets of new connections, because a refusal would hit every client;
    once healed, no fault is left."""
    hops = Hops(stack)
    assert {fault.program for fault in stack.prepared} == {"queue", "cache", "database"}
    hops.set("dlq-admin → database", Faults(refuse=True, reset=True))
    [fault] = stack.in_force
    assert isinstance(fault, Network)
    assert (fault.program, fault.of) == ("database", "dlq_admin")
    assert Faults.from_json({**fault.faults, "clients": ["one"]}) == Faults(reset=True, clients=("one",))
    hops.heal("dlq-admin → database")
    assert stack.in_force == []
