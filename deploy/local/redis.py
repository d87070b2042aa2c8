"""The Redis servers of the local stack: the rights of their users, and the operator's access."""

import os
from pathlib import Path
from typing import NoReturn

from deploy.local import probe, sentinel
from deploy.local.nodes import sentinels, stores
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import SECRETS, write_private
from deploy.local.secret import secret
from deploy.local.settings import StackSettings
from deploy.privileges.redis import NAMES, OPERATOR, REPLICA, SENTINEL, Place, acl

_HOST = "127.0.0.1"
PLACES: tuple[Place, ...] = ("queue", "cache")


def acl_file(place: Place) -> str:
    """Write the file of users for this Redis, and return it."""
    path = SECRETS / f"redis-{place}.acl"
    write_private(path, acl({name: password(name) for name in NAMES}, place))
    return str(path)


def password(user: str) -> str:
    """Return a user's password, which is the same at both servers."""
    return secret(f"redis_{user}_password")


def url(settings: StackSettings, user: str, place: Place) -> str:
    """Return the URL with which a service connects."""
    if place == "queue" and settings.ha:
        hosts = ",".join(f"{_HOST}:{node.port}" for node in sentinels(settings))
        own = f"sentinel_password={sentinel.password()}"
        return f"redis+sentinel://{user}:{password(user)}@{hosts}/{sentinel.NAME}?{own}"
    return f"redis://{user}:{password(user)}@{_HOST}:{_port(settings, place)}"


def port(settings: StackSettings, place: Place) -> int:
    """Return the port of the primary. Raises Problem."""
    return sentinel.primary_port(settings) if place == "queue" and settings.ha else _port(settings, place)


def _port(settings: StackSettings, place: Place) -> int:
    return settings.queue_port if place == "queue" else settings.cache_port


def prepare(settings: StackSettings) -> None:
    """Write the configurations of a queue's nodes if it has several, and of the Sentinels."""
    if settings.ha:
        logins = {name: (name, password(name)) for name in (REPLICA, SENTINEL)}
        sentinel.write_config(settings, acl_file("queue"), logins)


def load_rights(settings: StackSettings) -> None:
    """Give the running servers the rights that the services of this build need, because a Redis reads its users only
    when it starts. Each user is set alone: `ACL LOAD` of Redis 7.0 ends every connection. Raises Problem."""
    nodes = [(node.name, node.port, PLACES[0]) for node in stores(settings, "queue")]
    for name, at, place in (*nodes, ("redis-cache", settings.cache_port, PLACES[1])):
        for line in Path(acl_file(place)).read_text().splitlines():
            _, user, rights = line.split(" ", 2)
            command = f"ACL SETUSER {user} reset {rights}".encode()
            give = probe.redis(OPERATOR, password(OPERATOR), command=command, wanted=b"+OK")
            if (missing := give(_HOST, at)) is not None:
                raise Problem(f"{name} does not take the rights of its users: {missing}", "make logs ONLY=redis")


def cli(settings: StackSettings, place: str, *arguments: str) -> NoReturn:
    """Become redis-cli, as the operator, with the password in no process list. `place`: the queue, the cache, or a
    named node of the queue. Raises Problem, also if the server does not answer, because redis-cli would wait without
    end."""
    nodes = {node.name: node.port for node in stores(settings, "queue")} | {"redis-cache": settings.cache_port}
    found = next((each for each in PLACES if each == place), None)
    if found is None and place not in nodes:
        raise Problem(f"which Redis? {' or '.join((*PLACES, *(nodes if settings.ha else ())))}")
    at = port(settings, found) if found else nodes[place]
    if (missing := probe.redis(OPERATOR, password(OPERATOR))(_HOST, at)) is not None:
        raise Problem(f"{place} is not ready: {missing}", "make status", "make logs ONLY=redis")
    command = [find("redis-cli"), "-h", _HOST, "-p", str(at), "--user", OPERATOR]
    os.execvpe(command[0], [*command, *arguments], os.environ | {"REDISCLI_AUTH": password(OPERATOR)})  # noqa: S606
