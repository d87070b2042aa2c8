"""Topology: the owner of a slot, from the answers of the nodes of a cluster, some of which hang, are gone, or are cut
off."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.topology import Place, Topology

_SEEDS = [("a", 1), ("b", 1), ("c", 1)]
_HANGS, _GONE = "hangs", "gone"


class _Nodes:
    """The nodes of a cluster. Each answers with (epoch, owner of all slots), hangs, or is gone."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked = 0

    def client(self, place: Place, _: float) -> Any:
        """Return a client of one node."""
        return _Client(self, place[0])


class _Client:
    def __init__(self, nodes: _Nodes, name: str) -> None:
        self._nodes = nodes
        self._name = name

    async def execute_command(self, *command: str) -> Any:
        self._nodes.asked += 1
        answer = self._nodes.answers[self._name]
        if answer == _HANGS:
            await asyncio.Event().wait()
        if answer == _GONE:
            raise ConnectionError("refused")
        epoch, owner = answer
        if command == ("CLUSTER", "INFO"):
            return b"cluster_current_epoch:%d\r\n" % epoch
        return [[0, 16_383, [owner.encode(), 1, b"id"]]] if owner else []

    async def aclose(self) -> None:
        pass


async def _owners(steps: Sequence[dict[str, Any]]) -> list[str]:
    """Let a connection fail after each step, and return the owner that is found each time."""
    nodes = _Nodes(**steps[0])
    topology = Topology(_SEEDS, nodes.client, 5)
    found = []
    for step in steps:
        nodes.answers = step
        topology.doubt()
        topology._looked_at = -1.0
        found.append((await topology.owner(7))[0])
    return found


@given(st.permutations(["a", "b", "c"]), st.sampled_from([_HANGS, _GONE, (1, "a")]))
def test_the_newest_of_most_counts(order: list[str], third: Any) -> None:
    """The owner is the newest that a majority of the nodes names, whichever node is behind, hangs or is gone."""
    first, second, last = order
    answers = {first: (2, "b"), second: (2, "b"), last: third}
    assert asyncio.run(_owners([answers])) == ["b"]


@given(st.sampled_from(["a", "b", "c"]))
def test_one_that_is_cut_off_does_not_mislead(cut_off: str) -> None:
    """A single node that is cut off is not believed if it knows less than was known. The majority of a cluster that was
    created anew is believed."""
    before = dict.fromkeys("abc", (5, "b"))
    alone = dict.fromkeys("abc", _GONE) | {cut_off: (4, "a")}
    anew = dict.fromkeys("abc", (1, "c"))
    assert asyncio.run(_owners([before, alone, anew])) == ["b", "b", "c"]


def test_without_an_answer_what_was_known_stays() -> None:
    """If no node answers the known owner stays, because perhaps only a connection failed."""
    assert asyncio.run(_owners([dict.fromkeys("abc", (1, "a")), dict.fromkeys("abc", _GONE)])) == ["a", "a"]


def test_nobody_is_asked_while_all_is_well() -> None:
    """While all is well one lookup serves all callers, at once and later."""

    async def ask() -> int:
        nodes = _Nodes(**dict.fromkeys("abc", (1, "a")))
        topology = Topology(_SEEDS, nodes.client, 5)
        for _ in range(3):
            await asyncio.gather(*(topology.owner(slot) for slot in range(50)))
        return nodes.asked

    assert asyncio.run(ask()) <= 6


def test_a_slot_without_owner_is_named() -> None:
    """A slot without an owner is named in the error, and a silent cluster is an error within the time limit."""
    with pytest.raises(WrongNode, match="no node of the cluster owns slot 7"):
        asyncio.run(_owners([dict.fromkeys("abc", (1, ""))]))
    silent = Topology(_SEEDS, _Nodes(**dict.fromkeys("abc", _HANGS)).client, 0.01)
    with pytest.raises(ConnectionError, match=r"no node of the cluster answers within 0.01 s"):
        asyncio.run(silent.owner(7))
