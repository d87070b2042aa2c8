"""Redis: which user may call which commands on which keys, as a table; and the ACL that makes it so.

Whoever may not call XADD on the write stream cannot put a write there, through a script either: Redis checks each
command of a script against its caller. Of the services only the api and dlq_admin may; a writer may put the stream that
it reads in order.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.shared.domain import ADDRESSES
from holdfast.shared.queue.names import (
    APIS,
    ATTEMPTS,
    AUDIT,
    CLOCK,
    DEAD,
    GO_ON,
    HALTS,
    HEARTBEAT,
    KEY,
    KEYS_SINCE,
    KEYS_USED,
    LEDGER,
    LOOK,
    NOTIFY,
    ON_DISK,
    OPERATION,
    PARTITIONS,
    PREFIX,
    PROXY_CONFIG,
    PROXY_CONFIG_CHANGES,
    REPLAY,
    WRITERS,
    WRITES,
)

Place = Literal["queue", "cache"]

#: The key prefixes of all partitions.
_PREFIXES = "{holdfast*}:"

#: The user that reads counters and the length of the write stream, and no other key.
WATCHER = "watcher"
#: The user that may do everything: for people, and for faults that are injected on purpose.
OPERATOR = "operator"
#: Users of a queue with several nodes: one that copies it to another node, and one that watches the nodes and moves the
#: primary.
REPLICA, SENTINEL = "replica", "sentinel"


@dataclass(frozen=True, slots=True)
class Rule:
    """Commands that are allowed on these keys only."""

    commands: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A user. `anywhere`: commands that need no key. Scripts may be called with the keys of all rules."""

    rules: tuple[Rule, ...] = ()
    anywhere: str = ""
    channels: tuple[str, ...] = ()
    everything: bool = False


#: What any service's connections and scripts may do. In a cluster they may ask which node owns what.
_EACH = "ping time select multi exec discard script|load cluster|info cluster|slots"
#: Needed to wait for replicas. Redis 7.0 refuses a file that names WAITAOF, so the category of WAIT is named, whose
#: other commands concern only the caller's connection.
_WAIT = ("+@connection", "-@admin", "-@dangerous")
_GROUPS = (Rule("xgroup|create", (WRITES, DEAD)),)
#: Needed to look at a stream.
_LOOK = "exists xlen xrange xrevrange xpending xinfo|stream xinfo|groups xinfo|consumers"
_CONSUME = "xreadgroup xack xdel xclaim xautoclaim"


def _mend(stream: str) -> tuple[Rule, ...]:
    """Return the rights to rebuild a stream whose ids ran into the future (clock.lua): first beside it, then in its
    place."""
    made = f"{stream}:mended"
    return (
        Rule(f"{_LOOK} rename", (stream, made)),
        Rule("xadd del xsetid xclaim xgroup|create xgroup|destroy", (made,)),
    )


#: Keys of pending writes and of claims, for any resource. A key of the first kind ends in an entity's id. A key of the
#: second kind contains a dot, unless it is older than this rule.
_ENTITIES = (
    f"{PREFIX}*:{'-'.join('?' * length for length in (8, 4, 4, 4, 12))}",
    f"{PREFIX}heartbeat:heartbeat",
    f"{PREFIX}*.*",
    f"{PREFIX}{ADDRESSES}",
    f"{PREFIX}released",
)
_HASHES = "get set del exists expire hget hset hsetnx hdel hmget hgetall hlen hincrby hscan"
_CHANNELS = (f"{NOTIFY}*",)

_FLEET = (
    Rule("hset hgetall hdel expire", ("holdfast:fleet:reports",)),
    Rule("xrange", ("holdfast:fleet:orders",)),
)
#: The fleet takes orders only where operators are known by their keys.
_ORDERS = Rule("xadd", ("holdfast:fleet:orders",))
_EXPLAIN = Rule("rpush ltrim expire", ("holdfast:explain:*",))
_FAILURES = "holdfast:failures"
_COPIES = Rule("get mget set", ("holdfast:cache:*",))

USERS: Mapping[Place, Mapping[str, User]] = {
    "queue": {
        "api": User(
            (
                Rule("xadd", (WRITES,)),
                Rule("xlen", (DEAD,)),
                *_mend(WRITES),
                Rule(_HASHES, (CLOCK, HEARTBEAT, KEYS_SINCE, APIS, PARTITIONS, *_ENTITIES, f"{OPERATION}*", f"{KEY}*")),
                Rule("bitfield expire setrange", (f"{KEYS_USED}*",)),
                Rule("hgetall", (WRITERS,)),
                Rule("xadd", (AUDIT,)),
                *_GROUPS,
            ),
            "subscribe unsubscribe",
            _CHANNELS,
        ),
        "writer": User(
            (
                Rule(f"{_LOOK} {_CONSUME} xgroup|delconsumer", (WRITES,)),
                # One rule: for a command with several keys, all of them must be allowed by the same rule.
                Rule(
                    f"{_HASHES} rpush lpop lrange llen",
                    (CLOCK, LEDGER, WRITERS, APIS, HALTS, GO_ON, PARTITIONS, *_ENTITIES, f"{OPERATION}*",
                     f"{ATTEMPTS}*"),
                ),
                Rule("expire", (f"{KEY}*",)),
                Rule("xadd", (DEAD,)),
                *_mend(WRITES),
                *_mend(DEAD),
                *_GROUPS,
            ),
            "publish",
            _CHANNELS,
        ),
        "dlq_admin": User(
            (
                Rule("xadd xdel", (WRITES,)),
                Rule("xadd", (AUDIT,)),
                *_mend(WRITES),
                Rule(f"{_LOOK} {_CONSUME}", (DEAD,)),
                Rule(_HASHES, (CLOCK, LEDGER, LOOK, ON_DISK, WRITERS, HALTS, GO_ON, PARTITIONS, *_ENTITIES,
                               f"{OPERATION}*", f"{REPLAY}*")),
                Rule("del", (KEYS_SINCE,)),
                Rule("lrange", (PROXY_CONFIG_CHANGES,)),
                *_GROUPS,
            ),
            "info",
        ),
        "external_proxy": User((Rule("get set lpush ltrim lrange", (PROXY_CONFIG, PROXY_CONFIG_CHANGES)),)),
    },
    "cache": {
        "api": User((
            _COPIES, Rule("get set", ("holdfast:rate:*",)), *_FLEET, _EXPLAIN,
            Rule("hset hget expire", (_FAILURES,)),
            _ORDERS,
        )),
        "writer": User((_COPIES, *_FLEET, _EXPLAIN)),
        "dlq_admin": User((
            *_FLEET, Rule("rpush ltrim expire lrange", ("holdfast:explain:*",)),
            Rule("hset hgetall hdel expire", ("holdfast:alerts", "holdfast:announced")),
            Rule("hgetall", (_FAILURES,)),
            Rule("set exists", ("holdfast:logged_out:*",)), Rule("set get", ("holdfast:what_if:*",)),
            _ORDERS,
        )),
        "external_proxy": User((Rule("get set", ("holdfast:cache:last_good:*",)), *_FLEET, _EXPLAIN)),
    },
}  # fmt: skip

_WATCHING = User(
    (Rule("xlen", (WRITES,)),), "ping info client|setname slowlog|len slowlog|get latency|latest latency|histogram"
)

_COPYING = User((), "ping psync replconf")
_MOVING = User(
    (),
    "multi exec ping subscribe publish info role slaveof config|rewrite client|setname client|kill script|kill",
    ("*",),
)
#: Users that run no scripts.
_APART = (_WATCHING, _COPYING, _MOVING)

#: All users with a password.
NAMES: Sequence[str] = (*USERS["queue"], WATCHER, OPERATOR, REPLICA, SENTINEL)


def users(*places: Place) -> dict[str, User]:
    """Return the users of one server that is all of these places, with their rights."""
    merged = {
        name: User(
            tuple(rule for place in places for rule in USERS[place][name].rules),
            " ".join(filter(None, (USERS[place][name].anywhere for place in places))),
            tuple(channel for place in places for channel in USERS[place][name].channels),
        )
        for name in USERS["queue"]
    }
    nodes = {REPLICA: _COPYING, SENTINEL: _MOVING} if "queue" in places else {}
    return merged | {WATCHER: _WATCHING, OPERATOR: User(everything=True)} | nodes


def acl(passwords: Mapping[str, str], *places: Place) -> str:
    """Return the file that `aclfile` names. It contains only hashes of the passwords. A user without a password may do
    nothing."""
    # `default` is off: it cannot be used, and a connection without a login may only log in. Its rights count all the
    # same: Redis reads its append-only file as `default`, and without these rights it would skip transactions, which is
    # what scripts are in that file.
    lines = ["user default off resetpass ~* &* +@all"]
    for name, user in users(*places).items():
        digest = hashlib.sha256(passwords[name].encode()).hexdigest()
        lines.append(f"user {name} on #{digest} {' '.join(_rights(user))}")
    return "\n".join(lines) + "\n"


def _rights(user: User) -> Iterable[str]:
    if user.everything:
        return ("~*", "&*", "+@all")
    keys = sorted({key for rule in user.rules for key in rule.keys})
    every = f"{_EACH} {user.anywhere}" if user not in _APART else user.anywhere
    scripts = [f"(+eval +evalsha {_patterns(keys)})"] if user not in _APART else []
    return (
        "resetchannels",
        *(f"&{channel}" for channel in user.channels),
        "-@all",
        *(_WAIT if user not in _APART else ()),
        *_allowed(every),
        *scripts,
        *(f"({' '.join(_allowed(rule.commands))} {_patterns(rule.keys)})" for rule in user.rules),
    )


def _allowed(commands: str) -> list[str]:
    return [f"+{command}" for command in dict.fromkeys(commands.split())]


def _patterns(keys: Iterable[str]) -> str:
    """Return the key patterns. With several partitions the keys of each have a hash tag of its own:
    `{holdfast:<N>:<p>}`."""
    return " ".join(f"~{key.replace(PREFIX, _PREFIXES, 1)}" for key in keys)
