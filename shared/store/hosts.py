"""Hosts: the servers of one DSN. Connections go to the first host that accepts writes, and move back to an earlier host
when that one accepts writes again.

All hosts share the connect timeout of a single host, so a longer list makes no request slower. The host in use is tried
first; the hosts before it are checked every few seconds in a separate thread.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pymysql

from holdfast.shared.connections.address import host_and_port
from holdfast.shared.store.classify import NotConnected
from holdfast.shared.store.role import Role, keep_in_step, role_of
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

#: Seconds between two checks of the hosts before the one in use.
_LOOK_EVERY_S = 3.0

#: A connection of the driver, the index of its host in the list, and the server's role, or None if it is unknown.
Made = tuple[Any, int, Role | None]


class Hosts:
    """The hosts of one engine, each as (host, port), and which of them is in use."""

    def __init__(self, hosts: Sequence[tuple[str, int]]) -> None:
        self._hosts = hosts
        self._used = 0
        self._looked_at = 0.0
        self._lock = threading.Lock()

    def connect(self, dialect: Any, args: Any, parameters: dict[str, Any]) -> Made:
        """Connect to the host in use, or else to the first host that accepts writes. Raises NotConnected with the
        errors of all hosts."""
        order = sorted(range(len(self._hosts)), key=lambda place: (place != self._used, place))
        made = self._first(order, dialect, args, parameters)
        self._use(made[1])
        return made

    def is_left(self, place: int, dialect: Any, args: Any, parameters: dict[str, Any]) -> bool:
        """Return whether a host before `place` is known to accept writes again. Start a check in a thread if one is
        due.
        """
        if place and place == self._used and self._is_due():
            threading.Thread(target=self._look, args=(place, dialect, args, parameters), daemon=True).start()
        return place > self._used

    def _is_due(self) -> bool:
        with self._lock:
            due = time.monotonic() - self._looked_at >= _LOOK_EVERY_S
            if due:
                self._looked_at = time.monotonic()
            return due

    def _look(self, place: int, dialect: Any, args: Any, parameters: dict[str, Any]) -> None:
        try:
            connection, earlier, _ = self._first(range(place), dialect, args, parameters)
        except NotConnected:
            return
        connection.close()
        self._use(earlier)

    def _use(self, place: int) -> None:
        before, self._used = self._used, place
        if before != place:
            logs.warning(Action.DATABASE_HOST_CHANGED, host=self._name(place), before=self._name(before))

    def _first(self, places: Sequence[int], dialect: Any, args: Any, parameters: dict[str, Any]) -> Made:
        """Connect to the first host that accepts writes. A host whose role is unknown, as behind some proxies, is the
        last resort. Raises NotConnected."""
        errors: list[pymysql.err.Error] = []
        silent: Made | None = None
        end = time.monotonic() + sum(parameters[name] for name in _LIMITS)
        for place in places:
            share_s = (end - time.monotonic()) / (len(places) - len(errors) - bool(silent))
            try:
                made = self._at(place, dialect, args, parameters, max(share_s, _LEAST_S))
            except Exception as error:  # noqa: BLE001 - after any error of the driver, the next host is tried
                errors.append(self._named(error, place))
                continue
            if made[2] is not None or len(self._hosts) == 1:
                if silent:
                    silent[0].close()
                return made
            if silent:
                made[0].close()
            else:
                silent = made
        if silent:
            return silent
        raise NotConnected(errors[0].args[0], "; ".join(str(error.args[1]) for error in errors)) from errors[0]

    def _at(self, place: int, dialect: Any, args: Any, parameters: dict[str, Any], most_s: float) -> Made:
        host, port = self._hosts[place]
        limits = {name: min(parameters[name], most_s) for name in _LIMITS}
        connection = dialect.connect(*args, **parameters | limits | {"host": host, "port": port})
        try:
            role = _prepared(connection)
            if role and not role.takes_writes and len(self._hosts) > 1:
                raise NotConnected(_READ_ONLY, "the server takes no writes")
        except BaseException:
            connection.close()
            raise
        connection._read_timeout = parameters["read_timeout"]  # PyMySQL has no other name for it
        return connection, place, role

    def _name(self, place: int) -> str:
        return host_and_port(*self._hosts[place])

    def _named(self, error: Exception, place: int) -> pymysql.err.Error:
        known = isinstance(error, pymysql.err.Error) and len(error.args) > 1
        number, text = error.args[:2] if known else (None, repr(error))
        named = f"{self._name(place)}: {text}" if len(self._hosts) > 1 else text
        return pymysql.err.OperationalError(number, named)


#: The driver's parameters that limit a connection attempt, and each reply during it.
_LIMITS = ("connect_timeout", "read_timeout")
#: The least time for a later host, in seconds.
_LEAST_S = 0.1

_READ_ONLY, _NOT_READY = 1290, 1047


def _prepared(connection: Any) -> Role | None:
    """Prepare a new connection and return its server's role, or None if the role is unknown. Raises NotConnected for a
    Galera node that has no quorum or is held back, because its answers would be late or stale."""
    role = role_of(connection)
    if role and role.galera:
        keep_in_step(connection)
        role = role_of(connection, role)
        if role is None:
            raise NotConnected(_NOT_READY, "the Galera node has no quorum or is held back")
    return role
