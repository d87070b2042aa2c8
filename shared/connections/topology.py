"""Topology: which node of a Redis Cluster owns which slot, as the nodes know it (`CLUSTER SLOTS`).

All nodes are asked at once. The view with the highest epoch among the answers of more than half of them is taken: a
node that is cut off does not know what the others have decided since.
"""

import asyncio
import contextlib
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextvars import Context
from operator import itemgetter
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError

from holdfast.shared.connections.connection import WrongNode

Place = tuple[str, int]

#: Between two looks while connections are used, and between two when connections fail.
_LOOK_EVERY_S, _LOOK_AGAIN_S = 5.0, 0.1
#: How long a look goes on, whether somebody waits for it or not.
_LOOK_MAX_S = 1.0
#: Nodes that are asked in one look: those of the address first.
_ASKED_MAX = 7
_EPOCH = re.compile(rb"cluster_current_epoch:(\d+)")


class _View(NamedTuple):
    """What one node knows: `ranges` of slots with their owners, sorted, and all nodes."""

    epoch: int
    ranges: Sequence[tuple[int, int, Place]]
    places: frozenset[Place]

    def owner(self, slot: int) -> Place | None:
        """None: the node knows no owner."""
        at = bisect_right(self.ranges, slot, key=itemgetter(0)) - 1
        _, last, owner = self.ranges[at] if at >= 0 else (0, -1, None)
        return owner if slot <= last else None


class Topology:
    """Of the cluster to which the nodes at `seeds` belong. Nobody waits for a look longer than `wait_s`; `client` makes
    a client of one connection that waits so many seconds."""

    def __init__(self, seeds: Sequence[Place], client: Callable[[Place, float], Redis], wait_s: float) -> None:
        self._seeds = seeds
        self._client = client
        self._wait_s = wait_s
        self._view: _View | None = None
        self._doubtful = False
        self._looked_at = -_LOOK_EVERY_S
        self._looking: asyncio.Task[None] | None = None

    async def owner(self, slot: int) -> Place:
        """The primary that owns it. Looks first when a connection failed since the last look; without an answer, what
        was known is used. Raises RedisError; WrongNode where nobody owns it."""
        if self._view is None or (self._doubtful and time.monotonic() - self._looked_at > _LOOK_AGAIN_S):
            try:
                async with asyncio.timeout(self._wait_s):
                    await asyncio.shield(self._look())
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                if self._view is None:
                    raise (_silent(self._wait_s) if isinstance(error, TimeoutError) else error) from error
        found = self.known_owner(slot)
        if found is None:
            raise WrongNode(f"no node of the cluster owns slot {slot}")
        return found

    def known_owner(self, slot: int) -> Place | None:
        """As of the last look. The next one begins if that is old."""
        if time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._look()
        return self._view.owner(slot) if self._view else None

    def has(self, place: Place) -> bool:
        """Whether it is a node of the cluster, as of the last look."""
        return self._view is not None and place in self._view.places

    def doubt(self) -> None:
        """A connection failed, or a node refused a slot."""
        self._doubtful = True

    def _look(self) -> asyncio.Task[None]:
        """One for all who wait at the same time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._ask_all(), context=Context())
            self._looking.add_done_callback(_retrieved)
        return self._looking

    async def _ask_all(self) -> None:
        self._looked_at, self._doubtful = time.monotonic(), False
        others = sorted(self._view.places) if self._view else ()
        places = list(dict.fromkeys((*self._seeds, *others)))[:_ASKED_MAX]
        asked = [asyncio.ensure_future(self._ask(place)) for place in places]
        views: list[_View] = []
        errors: list[Exception] = []
        for each in asked:
            each.add_done_callback(_retrieved)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_MAX_S):
                waiting = set(asked)
                while waiting and 2 * len(views) <= len(places):
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    failed = {one: error for one in done if isinstance(error := one.exception(), RedisError | OSError)}
                    errors += failed.values()
                    views += [one.result() for one in done if one not in failed]
        for each in asked:
            each.cancel()
        if not views:
            raise _why(errors) or _silent(_LOOK_MAX_S)
        newest = max(views, key=lambda view: view.epoch)
        if self._view is None or newest.epoch >= self._view.epoch or 2 * len(views) > len(places):
            self._view = newest

    async def _ask(self, place: Place) -> _View:
        client = self._client(place, _LOOK_MAX_S)
        try:
            info: bytes = await client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]  # untyped there
            slots: Any = await client.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]  # untyped there
        except ResponseError as error:
            if "cluster support disabled" in str(error):
                raise WrongNode(f"{place[0]}:{place[1]} is no node of a Redis Cluster: {error}") from error
            raise
        finally:
            # A look that is over cancels those that still ask, also while they close.
            await asyncio.shield(client.aclose())
        epoch = _EPOCH.search(info)
        return _view(int(epoch[1]) if epoch else 0, slots, place)


def _view(epoch: int, slots: Sequence[Any], asked: Place) -> _View:
    """From what `CLUSTER SLOTS` answered: first and last slot, primary, replicas; of each: host, port, and more. A host
    that the node does not know is the one that it was asked at."""

    def place(node: Sequence[Any]) -> Place:
        host = (node[0] or b"?").decode()
        return (asked[0] if host == "?" else host), int(node[1])

    ranges = sorted((int(first), int(last), place(primary)) for first, last, primary, *_ in slots)
    places = frozenset(place(node) for _, _, *nodes in slots for node in nodes)
    return _View(epoch, ranges, places)


def _why(errors: Sequence[Exception]) -> Exception | None:
    """An error that a person has to mend, or the first."""
    return next(
        (error for error in errors if isinstance(error, WrongNode | ResponseError | AuthenticationError)),
        next(iter(errors), None),
    )


def _silent(for_s: float) -> ConnectionError:
    return ConnectionError(f"no node of the cluster answers within {for_s:g} s")


def _retrieved(done: "asyncio.Future[Any]") -> None:
    """Nobody has to wait for it."""
    if not done.cancelled():
        done.exception()


class Owner:
    """The node that owns one slot, as `discovering` asks for it."""

    def __init__(self, topology: Topology, slot: int) -> None:
        self._topology = topology
        self._slot = slot

    async def find(self) -> Place:
        """(host, port), as of now. Raises RedisError."""
        self._topology.doubt()
        return await self._topology.owner(self._slot)

    def is_at(self, host: str, port: int) -> bool:
        """Whether it is there, for all that is known."""
        return self._topology.known_owner(self._slot) in (None, (host, port))


def doubting(kind: type[Any], topology: Topology) -> type[Any]:
    """A connection of this kind that has the topology looked at again when it fails."""

    class Doubting(kind):  # type: ignore[misc]  # which one is known when it runs
        async def connect(self) -> None:
            try:
                await super().connect()
            except (RedisError, OSError):
                topology.doubt()
                raise

        async def read_response(self, *args: Any, **more: Any) -> Any:
            try:
                return await super().read_response(*args, **more)
            except (RedisError, OSError) as error:
                if not isinstance(error, ResponseError):
                    topology.doubt()
                raise

    return Doubting
