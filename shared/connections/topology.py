"""Topology: tracks which node of a Redis Cluster owns which slot, by the nodes' answers to `CLUSTER SLOTS`.

All nodes are asked at once. Of the answers of more than half of them, the view with the highest epoch is taken, because
a node that is cut off does not know what the others have decided since.
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

#: The interval between two look-ups while connections are used, and while connections fail. Each asks every node on a
#: new connection; ten a second took two fifths of the processor time of a process whose shard was down.
_LOOK_EVERY_S, _LOOK_AGAIN_S = 5.0, 0.5
#: How long a look-up lasts at most, even if no caller waits for it.
_LOOK_MAX_S = 1.0
#: The number of nodes asked in one look-up, starting with those of the address.
_ASKED_MAX = 7
_EPOCH = re.compile(rb"cluster_current_epoch:(\d+)")


class _View(NamedTuple):
    """The view of one node: `ranges` of slots with their owners, sorted, and all nodes."""

    epoch: int
    ranges: Sequence[tuple[int, int, Place]]
    places: frozenset[Place]

    def owner(self, slot: int) -> Place | None:
        """Return the owner of a slot, or None if the node knows no owner."""
        at = bisect_right(self.ranges, slot, key=itemgetter(0)) - 1
        _, last, owner = self.ranges[at] if at >= 0 else (0, -1, None)
        return owner if slot <= last else None


class Topology:
    """The topology of the cluster that the nodes at `seeds` belong to. `wait_s`: the longest wait of a caller for a
    look-up. `client` creates a client with one connection and a timeout in seconds."""

    def __init__(self, seeds: Sequence[Place], client: Callable[[Place, float], Redis], wait_s: float) -> None:
        self._seeds = seeds
        self._client = client
        self._wait_s = wait_s
        self._view: _View | None = None
        self._doubtful = False
        self._looked_at = -_LOOK_EVERY_S
        self._looking: asyncio.Task[None] | None = None

    async def owner(self, slot: int) -> Place:
        """Return the primary that owns a slot. If a connection has failed since the last look-up, a new one comes
        first; if that fails, the previous view is used. Raises RedisError; WrongNode if no node owns the slot."""
        if self._view is None or (self._doubtful and time.monotonic() - self._looked_at > _LOOK_AGAIN_S):
            try:
                async with asyncio.timeout(self._wait_s):
                    await asyncio.shield(self._look())
            except (RedisError, OSError) as error:  # TimeoutError is a subclass of OSError
                if self._view is None:
                    raise (_silent(self._wait_s) if isinstance(error, TimeoutError) else error) from error
        found = self.known_owner(slot)
        if found is None:
            raise WrongNode(f"no node of the cluster owns slot {slot}")
        return found

    def known_owner(self, slot: int) -> Place | None:
        """Return the owner as of the last look-up. Starts a new look-up if that is old."""
        if time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._look()
        return self._view.owner(slot) if self._view else None

    def has(self, place: Place) -> bool:
        """Return whether the place is a node of the cluster, as of the last look-up."""
        return self._view is not None and place in self._view.places

    def doubt(self) -> None:
        """Mark the view as doubtful, after a connection failed or a node refused a slot."""
        self._doubtful = True

    def _look(self) -> asyncio.Task[None]:
        """Return the running look-up, which is shared by all concurrent callers, or start one."""
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
            # A finished look-up cancels the remaining requests, also while their clients close.
            await asyncio.shield(client.aclose())
        epoch = _EPOCH.search(info)
        return _view(int(epoch[1]) if epoch else 0, slots, place)


def _view(epoch: int, slots: Sequence[Any], asked: Place) -> _View:
    """Build a view from the answer to `CLUSTER SLOTS`: first slot, last slot, primary, replicas; for each node its
    host, port, and more. A node that does not know its own host gets the host at which it was asked."""

    def place(node: Sequence[Any]) -> Place:
        host = (node[0] or b"?").decode()
        return (asked[0] if host == "?" else host), int(node[1])

    ranges = sorted((int(first), int(last), place(primary)) for first, last, primary, *_ in slots)
    places = frozenset(place(node) for _, _, *nodes in slots for node in nodes)
    return _View(epoch, ranges, places)


def _why(errors: Sequence[Exception]) -> Exception | None:
    """Return the first error that a person has to repair, or else the first error."""
    return next(
        (error for error in errors if isinstance(error, WrongNode | ResponseError | AuthenticationError)),
        next(iter(errors), None),
    )


def _silent(for_s: float) -> ConnectionError:
    return ConnectionError(f"no node of the cluster answers within {for_s:g} s")


def _retrieved(done: "asyncio.Future[Any]") -> None:
    """Retrieve the exception, so that asyncio does not report it if no caller waits for the task."""
    if not done.cancelled():
        done.exception()


class Owner:
    """The node that owns one slot, as a `Finder` for `discovering`."""

    def __init__(self, topology: Topology, slot: int) -> None:
        self._topology = topology
        self._slot = slot

    async def find(self) -> Place:
        """Return (host, port) of the current owner. Raises RedisError."""
        self._topology.doubt()
        return await self._topology.owner(self._slot)

    def is_at(self, host: str, port: int) -> bool:
        """Return whether the owner is there, as far as known."""
        return self._topology.known_owner(self._slot) in (None, (host, port))


def doubting(kind: type[Any], topology: Topology) -> type[Any]:
    """Return a connection class of this kind that triggers a new look-up of the topology when a connection fails."""

    class Doubting(kind):  # type: ignore[misc]  # the base is known only at run time
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
