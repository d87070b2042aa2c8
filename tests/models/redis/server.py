"""RedisModel: one server with its data and its faults."""

import asyncio
import itertools
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tests.models.redis.commands import COMMANDS
from tests.models.redis.connection import Connection
from tests.models.redis.execute import Executor
from tests.models.redis.history import History
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.replication import Replication
from tests.models.redis.reply import Failure

if TYPE_CHECKING:
    from tests.models.redis.cluster import Cluster

_READS = frozenset(name for name, command in COMMANDS.items() if not command.writes)


class RedisModel:
    """A server, with every write on disk when it is answered. `clock`: seconds since the epoch, by its own clock.

    model = RedisModel(time.time)
    await loop.create_server(model.protocol, "127.0.0.1", port)
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self._connections: dict[Connection, None] = {}
        self.space = Keyspace(clock)
        self.executor = Executor(self.space, self._publish)
        self._history = History(clock, self.executor)
        self.replication = Replication(clock)
        #: The server that clients at these addresses still take for the primary.
        self._left_behind: dict[str, RedisModel] = {}
        self.waiting: dict[Connection, None] = {}
        self.frozen = self.dead = False
        #: The cluster that it belongs to.
        self.cluster: Cluster | None = None

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new client."""
        return Connection(self)

    def die(self) -> None:
        """End at once: connections are reset, and new ones too."""
        self.dead = True
        for connection in list(self._connections):
            connection.abort()

    def restart(self) -> None:
        """Start again with the data, and without scripts and subscribers."""
        self.dead = self.frozen = False
        self.space.process += 1
        self.executor.scripts.clear()

    def freeze(self) -> None:
        """Stop doing anything. Connections stay open."""
        self.frozen = True

    def thaw(self) -> None:
        """Continue with what has arrived meanwhile."""
        self.frozen = False
        for connection in list(self._connections):
            connection.thaw()

    def fill(self, full: bool = True) -> None:
        """Refuse commands that need memory."""
        self.executor.state = self.executor.state._replace(full=full)

    def fill_disk(self, full: bool = True) -> None:
        """Refuse writes, because the disk is full."""
        self.executor.state = self.executor.state._replace(disk_full=full)

    def read_only(self, replica: bool = True) -> None:
        """Refuse writes, as a demoted primary does."""
        self.executor.state = self.executor.state._replace(replica=replica)

    def loading(self, loading: bool = True) -> None:
        """Refuse nearly everything, as a server does that loads its data."""
        self.executor.state = self.executor.state._replace(loading=loading)

    def wipe(self) -> None:
        """Lose everything."""
        self._history.runs((b"FLUSHALL",))
        self.space.clear()
        self.serve()

    def lose_last(self, seconds: float) -> None:
        """Go back to an earlier moment, as a replica that becomes the primary does. Connections are reset."""
        self.space.restore(self._history.before(self._clock() - seconds))
        self.space.process += 1
        for connection in list(self._connections):
            connection.abort()
        self.space.changed.clear()

    def fail_over(self, left_behind: Iterable[str] = ()) -> None:
        """Promote the replica, with the data that it has. Clients at the addresses `left_behind` stay with the old
        primary, which has no replica any more, until `reunite` or the next failover."""
        self.reunite()
        old = RedisModel(self._clock)
        old.space.restore(pickle.loads(pickle.dumps(self.space.contents())))  # noqa: S301 - our own
        old.executor.scripts.update(self.executor.scripts)
        old.space.process = self.space.process
        self.lose_last(self._clock() - self.replication.until_s)
        self.replication.mend()
        self._left_behind = dict.fromkeys(left_behind, old)

    def reunite(self) -> None:
        """End the old primary. What only it has is lost."""
        for old in set(self._left_behind.values()):
            old.die()
        self._left_behind = {}

    def reached_by(self, address: str) -> "RedisModel":
        """Return the server that a client at this address reaches."""
        return self._left_behind.get(address, self)

    @property
    def now_s(self) -> float:
        """The time by the server's own clock."""
        return self._clock()

    def clients(self) -> bytes:
        """Return all clients as CLIENT LIST shows them. The flag `b` marks one that waits."""
        return "".join(connection.described() for connection in self._connections).encode()

    def next_id(self) -> int:
        """Return the id of a new connection."""
        return next(self._ids)

    def connected(self, connection: Connection) -> None:
        """Register a client."""
        self._connections[connection] = None
        if self.dead:
            connection.abort()

    def disconnected(self, connection: Connection) -> None:
        """Remove a client."""
        self._connections.pop(connection, None)

    def run(self, parts: Sequence[bytes]) -> Any:
        """Return the reply of a command, or Wait. Raises Failure."""
        if parts[0].upper() not in _READS:
            self._history.runs(parts)
        return self.executor.run(parts)

    def serve(self) -> None:
        """Answer the clients that wait for what has changed, in the order in which they came."""
        changed, self.space.changed = self.space.changed, []
        for connection in list(self.waiting):
            wait, parts = connection.wait
            if not any(key in changed for key in wait.keys):
                continue
            self._history.runs(parts)
            try:
                reply = wait.again()
            except Failure as failure:
                reply = failure
            if reply is not None:
                connection.answer(reply)

    def _publish(self, channel: bytes, text: bytes) -> int:
        others = [server for server in self.cluster.servers if server is not self] if self.cluster else ()
        for server in others:
            server.deliver(channel, text)
        return self.deliver(channel, text)

    def deliver(self, channel: bytes, text: bytes) -> int:
        """Send a message to the subscribers that are connected here, and return their number."""
        return sum([connection.message(channel, text) for connection in list(self._connections)])
