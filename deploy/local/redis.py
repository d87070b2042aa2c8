"""The Redis servers of the local stack: who may do what there, and a way in for the operator."""

import os
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
    """Written anew: the users of this one."""
    path = SECRETS / f"redis-{place}.acl"
    write_private(path, acl({name: password(name) for name in NAMES}, place))
    return str(path)


def password(user: str) -> str:
    """The same at both."""
    return secret(f"redis_{user}_password")


def url(settings: StackSettings, user: str, place: Place) -> str:
    """What a service connects with."""
    if place == "queue" and settings.ha:
        hosts = ",".join(f"{_HOST}:{node.port}" for node in sentinels(settings))
        own = f"sentinel_password={sentinel.password()}"
        return f"redis+sentinel://{user}:{password(user)}@{hosts}/{sentinel.NAME}?{own}"
    return f"redis://{user}:{password(user)}@{_HOST}:{_port(settings, place)}"


def port(settings: StackSettings, place: Place) -> int:
    """Where writes go. Raises Problem."""
    return sentinel.primary_port(settings) if place == "queue" and settings.ha else _port(settings, place)


def _port(settings: StackSettings, place: Place) -> int:
    return settings.queue_port if place == "queue" else settings.cache_port


def prepare(settings: StackSettings) -> None:
    """Configure the nodes of a queue that has several, and who watches them."""
    if settings.ha:
        logins = {name: (name, password(name)) for name in (REPLICA, SENTINEL)}
        sentinel.write_config(settings, acl_file("queue"), logins)


def cli(settings: StackSettings, place: str, *arguments: str) -> NoReturn:
    """Become redis-cli, as the operator; the password is in no process list. `place`: the queue, the cache, or a node
    of the queue by its name. Raises Problem, also where it does not answer: redis-cli would wait without an end."""
    nodes = {node.name: node.port for node in stores(settings, "queue")} | {"redis-cache": settings.cache_port}
    found = next((each for each in PLACES if each == place), None)
    if found is None and place not in nodes:
        raise Problem(f"which Redis? {' or '.join((*PLACES, *(nodes if settings.ha else ())))}")
    at = port(settings, found) if found else nodes[place]
    if (missing := probe.redis(OPERATOR, password(OPERATOR))(_HOST, at)) is not None:
        raise Problem(f"{place} is not ready: {missing}", "make status", "make logs ONLY=redis")
    command = [find("redis-cli"), "-h", _HOST, "-p", str(at), "--user", OPERATOR]
    os.execvpe(command[0], [*command, *arguments], os.environ | {"REDISCLI_AUTH": password(OPERATOR)})  # noqa: S606
