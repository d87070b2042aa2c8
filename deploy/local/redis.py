"""The Redis servers of the local stack: who may do what there, and a way in for the operator."""

import os
from typing import NoReturn

from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import SECRETS, write_private
from deploy.local.secret import secret
from deploy.local.settings import StackSettings
from deploy.privileges.redis import NAMES, OPERATOR, Place, acl

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


def url(user: str, port: int) -> str:
    """What a service connects with."""
    return f"redis://{user}:{password(user)}@{_HOST}:{port}"


def cli(settings: StackSettings, place: str, *arguments: str) -> NoReturn:
    """Become redis-cli, as the operator; the password is in no process list. Raises Problem."""
    if place not in PLACES:
        raise Problem(f"which Redis? {' or '.join(PLACES)}")
    command = [find("redis-cli"), "-h", _HOST, "-p", str(getattr(settings, f"{place}_port")), "--user", OPERATOR]
    os.execvpe(command[0], [*command, *arguments], os.environ | {"REDISCLI_AUTH": password(OPERATOR)})  # noqa: S606
