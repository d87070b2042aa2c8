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
    """A stack on which everything works."""

    def __init__(self) -> None:
        self.prepared: list[Fault] = []
        self.in_force: list[Fault] = []
        self.waited: list[bool] = []

    def prepare(self, faults: list[Fault]) -> None:
        """In place."""
        self.prepared += faults

    def begin(self, fault: Fault) -> None:
        """Refused when it is in force."""
        if fault in self.in_force:
            raise Problem("twice")
        self.in_force.append(fault)

    def end(self, fault: Fault, *, wait: bool = True) -> None:
        """Gone."""
        self.in_force.remove(fault)
        self.waited.append(wait)

    def primary(self, store: str) -> str:
        """The second node."""
        return f"{store}-1"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """With a supervisor that starts whatever it is asked for."""

    class Supervisor:
        def start(self, names: list[str]) -> None:
            pass

    monkeypatch.setattr(levers, "Supervisor", Supervisor)
    return Noting()


def test_a_service_is_broken_alone_and_nobody_waits_for_it(stack: Any) -> None:
    """It may have to wait for a store that is broken too."""
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
    """And all nodes are there before the next fault comes."""
    store = Store(stack, "queue", stores(StackSettings(ha=1), "queue"))
    store.kill()
    assert stack.in_force == [KillPrimary("queue")]
    store.start()
    store.freeze()
    assert stack.in_force == [Freeze("queue", only="queue-1")]
    store.thaw()
    assert (stack.in_force, stack.waited) == ([], [True, True])


def test_a_way_is_broken_for_one_kind_of_services(stack: Any) -> None:
    """New connections are reset, because a refusal hits whoever comes; mended, it is as it was."""
    hops = Hops(stack)
    assert {fault.program for fault in stack.prepared} == {"queue", "cache", "database"}
    hops.set("dlq-admin → database", Faults(refuse=True, reset=True))
    [fault] = stack.in_force
    assert isinstance(fault, Network)
    assert (fault.program, fault.of) == ("database", "dlq_admin")
    assert Faults.from_json({**fault.faults, "clients": ["one"]}) == Faults(reset=True, clients=("one",))
    hops.heal("dlq-admin → database")
    assert stack.in_force == []
