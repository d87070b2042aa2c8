"""Driver: replaces `pymysql.connect` in a run by connections to the model of the database over the simulated network.
Each command and its answer travel on that network, so a cut link loses either a command, or the answer to a command
that took effect."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pymysql
from pymysql.err import InterfaceError, OperationalError

from tests.simulation.blocking import block
from tests.simulation.endpoints import CLOSED, OPEN
from tests.simulation.network import Link
from tests.simulation.simulation import Simulation

MACHINE = "database"
_LOST, _REFUSED = 2013, 2003
_LOST_ANSWER, _LOST_COMMIT = "model:commit applied, answer lost", "model:commit lost"
_DEADLOCK = "model:deadlock"
#: Seconds between two looks of a client that waits on a silent link.
_LOOK_S = 0.02
#: Seconds between two looks of a server at whether a client that gave up can be noticed.
_ABANDONED_S = 0.5

Connect = Callable[..., Any]


class Seen:
    """Counts of what happened to commits and statements, for *sometimes*. `on_commit` is called after each effective
    commit, in the process that made it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.commits = 0
        self.on_commit: list[Callable[[], None]] = []

    def committed(self) -> None:
        """Report that something took effect."""
        self.commits += 1
        for call in self.on_commit:
            call()


@contextmanager
def installed(simulation: Simulation, connect: Connect, seen: Seen) -> Iterator[None]:
    """Connect PyMySQL to the model while the context lasts. `connect`: the model's own function, with PyMySQL's
    arguments."""

    def made(**options: Any) -> Wire:
        return Wire(simulation, connect, options, seen)

    with patch.object(pymysql, "connect", made), patch.object(pymysql, "Connect", made):
        yield


class _End:
    """One end of the connection, as its link sees it."""

    inbound: tuple[()] = ()

    def __init__(self, reset: Callable[[], None], *, outbound: bool) -> None:
        self.reset = reset
        self.outbound = outbound
        self.peer = self


class Wire:
    """A connection. Attributes that it does not have are those of the model's connection."""

    def __init__(self, simulation: Simulation, connect: Connect, options: dict[str, Any], seen: Seen) -> None:
        self._seen = seen
        self._simulation = simulation
        self._loop = simulation.loop
        process = self._loop.process
        self._link: Link = simulation.network.link(process.machine, MACHINE)
        self._timeout_s = float(options.get("connect_timeout") or 10)
        self._session: Any = None
        self._lost = False
        self._end, self._far_end = _End(self._reset, outbound=True), _End(self._reset, outbound=False)
        self._link.ends.append(self._end)  # type: ignore[arg-type]
        process.on_death.append(self._reset)
        if self._link.refusing:
            self._link.forget(self._end)  # type: ignore[arg-type]
            raise OperationalError(_REFUSED, f"Can't connect to MySQL server on '{MACHINE}' (refused)")
        self._session = self._over(lambda: connect(**options))
        self._timeout_s = float(options.get("read_timeout") or 1e9)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def _sock(self) -> "Wire":
        """The connection's socket. Only its file number is ever asked for."""
        return self

    def fileno(self) -> int:
        """Return the file number as the kernel would: a server that is gone closes the socket, unless no packet of it
        arrives."""
        return OPEN if not self._lost and (self._session.open or self._silent(out=False)) else CLOSED

    # --- what goes over the network ---

    def cursor(self, *args: Any) -> "WireCursor":
        """Return a cursor."""
        return WireCursor(self, self._session.cursor(*args))

    def commit(self) -> None:
        """Commit."""
        before = self._seen.commits
        try:
            self._over(self._session.commit)
        except OperationalError:
            self._seen.counts[_LOST_ANSWER if self._seen.commits > before else _LOST_COMMIT] += 1
            raise

    def rollback(self) -> None:
        """Roll back."""
        self._over(self._session.rollback)

    def ping(self, *args: Any, **more: Any) -> None:
        """Check that the connection is alive."""
        self._over(lambda: self._session.ping(*args, **more))

    def autocommit(self, value: bool) -> None:
        """Switch autocommit."""
        self._over(lambda: self._session.autocommit(value))

    def close(self) -> None:
        """Close the connection."""
        self._forget()
        if self._session is not None and not self._lost:
            self._session.close()
        self._lost = True

    def _over(self, call: Callable[[], Any]) -> Any:
        """Send one command, and return its answer."""
        if self._lost:
            raise InterfaceError(0, "")
        end_s = self._loop.now_s + self._timeout_s
        self._travel(end_s, out=True)
        try:
            answer = call()
        except OperationalError as error:
            self._seen.counts[_DEADLOCK] += error.args[0] == 1213
            if error.args[0] in (_LOST, 2006):
                self._give_up()
            raise
        except pymysql.err.Error:
            self._travel(end_s, out=False)
            raise
        except Exception as error:
            self._simulation.faults.append(f"the database model failed: {error!r}")
            raise
        self._travel(end_s, out=False)
        if self._link.on_answer:
            self._link.on_answer()
        return answer

    def _travel(self, end_s: float, *, out: bool) -> None:
        block(self._link.latency())
        while self._silent(out=out) and not self._lost:
            if self._loop.now_s >= end_s:
                self._give_up()
                raise OperationalError(_LOST, "Lost connection to MySQL server during query (timed out)")
            block(_LOOK_S)
        if self._lost:
            raise OperationalError(_LOST, "Lost connection to MySQL server during query")
        if self._loop.now_s >= end_s:
            self._give_up()
            raise OperationalError(_LOST, "Lost connection to MySQL server during query (timed out)")

    def _silent(self, *, out: bool) -> bool:
        return self._link.holds(self._end if out else self._far_end)  # type: ignore[arg-type]

    def _reset(self) -> None:
        """Reset the connection: its link was cut, or its process is dead."""
        if not self._lost:
            self._give_up()

    def _give_up(self) -> None:
        self._lost = True
        self._forget()
        self._end_session()

    def _end_session(self) -> None:
        """End the session on the server once it can notice the end of the connection. Until then the session keeps its
        locks."""
        if self._session is None:
            return
        if self._silent(out=True):
            world = self._loop.world
            self._loop.deliver(world, self._loop.now_s + _ABANDONED_S, self._end_session, context=world.base.copy())
        else:
            self._session.kill()

    def _forget(self) -> None:
        self._link.forget(self._end)  # type: ignore[arg-type]


class WireCursor:
    """A cursor whose statements travel over the network."""

    def __init__(self, wire: Wire, cursor: Any) -> None:
        self._wire = wire
        self._cursor = cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def __enter__(self) -> "WireCursor":
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()

    def execute(self, query: str, args: Any = None) -> Any:
        """Run a statement."""
        return self._wire._over(lambda: self._cursor.execute(query, args))

    def executemany(self, query: str, args: Any) -> Any:
        """Run a statement for each set of arguments."""
        return self._wire._over(lambda: self._cursor.executemany(query, args))
